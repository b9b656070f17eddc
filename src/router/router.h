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
  /// First call: not ready, but serving, for limits.drain_delay; then answers new requests with 503 and finishes the
  /// running ones (at most limits.drain_timeout), ends run(). Second call: cuts everything and ends run(). Thread-safe.
  virtual void stop() = 0;
  /// Dials workers that are new in `config` and drops those that are gone (their running requests are replayed
  /// elsewhere). Other settings are kept as they were. Thread-safe.
  virtual void reload(Config config) = 0;
};

}  // namespace baton::router
