#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "aio/bounded_queue.h"
#include "engine/engine.h"
#include "perf/calibration.h"
#include "transfer/service.h"
#include "wire/wire_fwd.h"
#include "worker/commands.h"

namespace baton::worker {

/// Where frames for routers go; called on the engine thread, must not block. `framed` carries its length prefix.
using FrameSink = std::function<void(ConnectionId, std::string framed)>;

struct EngineLoopOptions {
  std::int32_t layers = 0;  ///< of the model: the last layer's hook completes a chunk
  std::size_t queue_commands = 16384;
  std::chrono::milliseconds load_min_interval{20};     ///< between two load reports
  std::chrono::milliseconds load_max_interval{500};    ///< a report at least so often
  std::chrono::milliseconds default_timeout{600'000};  ///< of attempts that bring no deadline
};

/// The engine thread of a worker: owns the Engine and every attempt, joins them with the hand-over plane. Attempts come
/// in as commands, results leave as frames. Everything but submit(), stop() and idle() belongs to the thread in run().
class EngineLoop {
 public:
  /// `engine` and `service` outlive the loop. The engine's layer hook is taken over.
  EngineLoop(EngineLoopOptions options, engine::Engine& engine, transfer::Service& service, FrameSink sink);

  /// Thread-safe. False when the queue is full: the caller answers queue_full.
  bool submit(EngineCommand command);
  /// Thread-safe; for commands that must not be lost (see BoundedQueue::push_always).
  void submit_always(EngineCommand command);

  /// Runs until stop(). Then cancels every attempt.
  void run();
  void stop();
  /// Thread-safe: no attempt is alive and nothing is being handed over.
  bool idle() const { return idle_.load(); }

 private:
  struct Attempt {
    AttemptKey key;
    AttemptKind kind = AttemptKind::generate;
    TimePoint deadline = kNever;
    std::int32_t spec_tokens = 0;
    // Prefill side.
    std::string ticket;                            ///< came before the sequence had blocks
    std::optional<transfer::TransferId> transfer;  ///< the open hand-over, or the grant on the decode side
    std::int32_t computed_tokens = 0;              ///< KV complete in all layers
    std::optional<TokenOut> first;                 ///< sampled, waits for the hand-over
    std::optional<Error> send_error;               ///< met inside a step, where the sequence cannot be released
    bool finishing = false;                        ///< COMMIT was asked for
    // Decode side.
    bool committed = false;
    TimePoint started;
  };
  using Sequences = std::unordered_map<engine::SequenceId, Attempt>;

  void handle(Submit& command);
  void handle(GrantIn& command);
  void handle(const CancelIn& command);
  void handle(const ConnectionOpened& command);
  void handle(const ConnectionClosed& command);
  void handle(TransferIn& command);
  void handle(const DrainIn& command);
  void on(const transfer::Delivered& event);
  void on(const transfer::SendFailed& event);
  void on(const transfer::Received& event);
  void on(const transfer::ReceiveFailed& event);
  void on(const transfer::Drained& event);

  void step();
  void on_layer(const engine::LayerDone& done);
  void on_event(const engine::TokenEvent& event);
  void on_event(const engine::PromptLogprobsEvent& event);
  void on_event(const engine::PrefilledEvent& event);
  void on_event(const engine::FailedEvent& event);
  void settle_sends();

  Attempt make_attempt(const Submit& command) const;
  Result<engine::SequenceId> start(Submit& command);
  Result<engine::SequenceId> start_reservation(Submit& command);
  void open_transfer(engine::SequenceId sequence, Attempt& attempt);
  void finish_transfer(Attempt& attempt);
  /// Ends an attempt on our side: its blocks go back now, or when the hand-over lets go of them.
  void end(engine::SequenceId sequence);
  /// Drops our record of an attempt, not its blocks.
  void forget(engine::SequenceId sequence);
  void fail_attempt(engine::SequenceId sequence, const Error& error);
  void send_failed(AttemptKey key, const Error& error);
  void expire(TimePoint now);
  void report_load(TimePoint now);
  void note_step(double seconds);
  void send_load(wire::Envelope& envelope);
  void update_idle();
  TimePoint next_wake(TimePoint now) const;

  EngineLoopOptions options_;
  engine::Engine& engine_;
  transfer::Service& service_;
  FrameSink sink_;
  aio::BoundedQueue<EngineCommand> commands_;
  Sequences attempts_;
  std::unordered_map<AttemptKey, engine::SequenceId> by_key_;
  struct Send {
    engine::SequenceId sequence;
    AttemptKey key;
  };
  /// Hand-overs whose end we wait for; they outlive cancelled attempts.
  std::unordered_map<transfer::TransferId, Send> sends_;
  std::unordered_map<transfer::TransferId, engine::SequenceId> grants_;
  std::vector<engine::SequenceId> failed_sends_;
  std::map<ConnectionId, std::vector<TokenOut>> connections_;  ///< tokens of the current step, by connection
  engine::EngineLoad reported_;
  enum StepKind : std::size_t { kPrefillStep, kDecodeStep, kMixedStep, kStepKinds };
  std::array<std::optional<perf::StepSample>, kStepKinds> samples_;  ///< the latest of each kind since the last report
  std::set<ConnectionId> uninformed_;  ///< connections that were not told yet what the prefix cache holds
  TimePoint last_report_{};
  std::uint64_t transfer_counter_ = 0;
  std::uint64_t transfer_salt_;
  bool draining_ = false;
  std::atomic<bool> idle_{true};
  std::atomic<bool> stopping_{false};
};

}  // namespace baton::worker
