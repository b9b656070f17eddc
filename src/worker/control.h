#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>

#include "aio/asio.h"
#include "baton/types.h"
#include "grammar/grammar.h"
#include "perf/replica.h"
#include "worker/engine_loop.h"

namespace baton::worker {

/// What this worker says of itself to every router (wire::HelloReply).
struct Identity {
  std::string name;
  Role role = Role::both;
  std::uint64_t incarnation = 0;
  std::string model;
  std::string model_hash;
  std::int32_t block_tokens = 16;
  std::int32_t total_blocks = 0;
  std::int32_t max_batch = 0;
  std::int32_t max_context = 0;  ///< tokens
  std::string gpu_type;
  std::string transport;
  std::string data_address;
  std::string host_id;
  std::int32_t gpu_count = 1;
  std::string zone, rack;
  bool spot = false;
  double price_per_hour = 0;             ///< 0: unknown
  std::optional<perf::Replica> replica;  ///< absent: unknown
};

struct ControlOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string auth_token;  ///< what routers must present; empty: anything goes
  std::chrono::milliseconds hello_timeout{5'000};
  std::size_t max_connections = 256;
  std::size_t queue_frames = std::size_t{1} << 16;
  std::shared_ptr<grammar::Compiler> grammars;  ///< the engine's; constraints are compiled here, off its thread
};

/// The control thread's side of a worker: accepts routers, turns their frames into engine commands and the loop's
/// frames back into bytes. Lives on one io_context; only sink() is called from the engine thread.
class Control {
 public:
  /// Binds the listener. `io` and `loop` outlive the control.
  static Result<std::unique_ptr<Control>> create(ControlOptions options, Identity identity, aio::asio::io_context& io);
  virtual ~Control() = default;

  /// Where the engine loop's frames go. Thread-safe, never blocks; usable before start().
  virtual FrameSink sink() = 0;
  /// Begins to accept. `loop` outlives the control.
  virtual void start(EngineLoop& loop) = 0;
  virtual std::uint16_t port() const = 0;
  virtual std::size_t connections() const = 0;
  /// Tells every router that this worker goes away; they place nothing new here.
  virtual void announce_leaving(std::string reason) = 0;
  /// Stops accepting and cuts every connection.
  virtual void stop() = 0;
};

}  // namespace baton::worker
