#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <memory>

#include "aio/task_group.h"
#include "http/server.h"
#include "router/dispatcher.h"
#include "router/routes.h"

namespace baton::router {

/// What the shards of a router share. Outlives them.
struct SharedParts {
  const Config& config;
  const ServedModel& model;
  metrics::Registry& registry;
  RouterMetrics& metrics;
  boost::asio::thread_pool& tokenizers;
};

struct DrainTimes {
  std::chrono::milliseconds grace;
  std::chrono::milliseconds timeout;
};

/// One event loop with its listener, worker links and Coordinator. Only stop() and set_workers() may be called from
/// other threads.
class Shard {
 public:
  Shard(const SharedParts& parts, std::size_t index, DrainTimes drain);

  boost::asio::io_context& io() { return x_io; }
  void serve(aio::tcp::acceptor acceptor) { x_server.serve(std::move(acceptor)); }
  /// Until stopped.
  void run();
  /// First call drains, second call cuts.
  void stop();
  void set_workers(std::vector<WorkerConfig> workers);

 private:
  void begin_stop();
  aio::asio::awaitable<void> drain();
  aio::asio::awaitable<void> publish_gauges();

  boost::asio::io_context x_io{1};
  DrainTimes x_drain;
  Dispatcher x_dispatcher;
  RoutesContext x_routes;
  http::Server x_server;
  std::vector<WorkerConfig> x_workers;
  boost::asio::steady_timer x_pause;  ///< of drain() or publish_gauges(); cancelled to end either early
  int x_stops = 0;
};

}  // namespace baton::router
