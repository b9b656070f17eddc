#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>

#include "baton/config.h"
#include "baton/error.h"

namespace baton::router {

struct RouterOptions {
  Config config;
  /// After the first stop(): how long new requests are still answered with 503, so that load balancers notice.
  std::chrono::milliseconds drain_grace{0};
  /// After the first stop(): how long running requests may take to finish before they are cut.
  std::chrono::milliseconds drain_timeout{30'000};
};

/// The OpenAI endpoint in front of the workers of a Config. config.threads shards, each with its own event loop,
/// listener, worker connections and Coordinator; they share the tokenizer, the metrics and nothing else.
class Router {
 public:
  /// Loads tokenizer.json and the chat template of the model, binds the listeners. Workers are dialled by run(); the
  /// router answers 503 until enough of them are there. Errors: corrupt_file, config, io.
  static Result<std::unique_ptr<Router>> create(RouterOptions options);
  virtual ~Router() = default;

  /// The first shard's loop, for signals and timers of the program.
  virtual boost::asio::io_context& io() = 0;
  /// The bound port (config.listen.port may be 0).
  virtual std::uint16_t port() const = 0;

  /// Serves on this thread and threads - 1 more until stopped. Call once.
  virtual void run() = 0;
  /// First call: answer new requests with 503, finish the running ones (at most drain_timeout), end run(). Second call:
  /// cut everything and end run(). Thread-safe.
  virtual void stop() = 0;
  /// Dials workers that are new in `config` and drops those that are gone (their running requests are replayed
  /// elsewhere). Other settings are kept as they were. Thread-safe.
  virtual void reload(Config config) = 0;
};

}  // namespace baton::router
