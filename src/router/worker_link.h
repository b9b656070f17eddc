#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>

#include "aio/asio.h"
#include "aio/framed_connection.h"
#include "baton/config.h"
#include "core/clock.h"
#include "schedule/coordinator.h"
#include "wire/spec_frame.h"
#include "wire/wire_fwd.h"

namespace baton::router {

struct WorkerLinkOptions {
  WorkerId id;
  WorkerConfig worker;
  FaultConfig faults;
  std::string auth_token;
  std::string router_id;
};

/// Where a link reports to. Called on the loop's thread, never from inside send().
struct WorkerLinkEvents {
  std::function<void(const schedule::Event&)> event;
  std::function<void(const wire::Load&)> load;
  /// The prefill worker handed a sequence over.
  std::function<void(std::uint64_t bytes, const std::string& transport)> handed;
};

/// The connection to one worker: dials with back-off, says hello, watches for silence, turns frames into Coordinator
/// events. WorkerUp and WorkerDown are reported in pairs, whatever goes wrong in between.
class WorkerLink {
 public:
  WorkerLink(WorkerLinkOptions options, WorkerLinkEvents events);

  /// Keeps the worker connected until stop(). Run it once; the link outlives it.
  aio::asio::awaitable<void> run();
  /// Queues one frame; dropped when not connected (WorkerDown then tells the Coordinator).
  void send(const wire::Envelope& envelope);
  /// The same for a frame with a spec.
  void send(const wire::SpecFrame& frame);
  /// Ends run() soon and cuts the connection.
  void stop();

  bool connected() const { return connected_; }
  bool stopped() const { return stopped_; }
  WorkerId id() const { return options_.id; }
  const WorkerConfig& config() const { return options_.worker; }
  /// Of the current connection, or the last one.
  const schedule::WorkerInfo& info() const { return info_; }

 private:
  aio::Task<void> serve_once();
  aio::Task<void> greet();
  aio::asio::awaitable<Error> read_frames();
  aio::asio::awaitable<void> ping(std::shared_ptr<aio::FramedConnection> connection,
                                  std::shared_ptr<aio::asio::steady_timer> timer);
  aio::asio::awaitable<void> pause(Duration length);
  Result<void> on_frame(const wire::Envelope& envelope);
  Result<void> on_step(const wire::Step& step);
  Result<void> on_load(const wire::Load& load);
  void note_prefill(AttemptId attempt);

  WorkerLinkOptions options_;
  WorkerLinkEvents events_;
  std::shared_ptr<aio::FramedConnection> connection_;
  std::function<void()> end_pause_;
  schedule::WorkerInfo info_;
  TimePoint last_heard_{};
  /// Attempts prefilled here and not yet handed over: both sides of a hand-over report it, this side counts.
  std::unordered_set<std::uint64_t> prefills_;
  bool connected_ = false;
  bool was_connected_ = false;  ///< since the last pause
  bool stopped_ = false;
};

}  // namespace baton::router
