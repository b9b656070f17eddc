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
  ShardBoard& board;
  DecisionLog& decisions;
  boost::asio::thread_pool& tokenizers;
};

/// One event loop with its listener, worker links and Coordinator. Only stop() and set_workers() may be called from
/// other threads.
class Shard {
 public:
  Shard(const SharedParts& parts, std::size_t index);

  boost::asio::io_context& io() { return io_; }
  void serve(aio::tcp::acceptor acceptor) { server_.serve(std::move(acceptor)); }
  /// Until stopped.
  void run();
  /// First call drains, second call cuts.
  void stop();
  void set_workers(std::vector<WorkerConfig> workers);

 private:
  void begin_stop();
  aio::asio::awaitable<void> drain();
  aio::asio::awaitable<void> let_answers_finish(TimePoint until);
  aio::asio::awaitable<void> pause(Duration length);
  aio::asio::awaitable<void> publish_gauges();

  boost::asio::io_context io_{1};
  const LimitsConfig& limits_;
  ShardBoard& board_;
  std::size_t index_;
  Dispatcher dispatcher_;
  RoutesContext routes_;
  http::Server server_;
  std::vector<WorkerConfig> workers_;
  boost::asio::steady_timer pause_;  ///< of drain() or publish_gauges(); cancelled to end either early
  int stops_ = 0;
};

}  // namespace baton::router
