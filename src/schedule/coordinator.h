#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "baton/config.h"
#include "baton/error.h"
#include "baton/types.h"
#include "classify/features.h"
#include "classify/length.h"
#include "cluster/worker.h"
#include "core/clock.h"
#include "schedule/ask.h"
#include "schedule/explain.h"

namespace baton::schedule {

using cluster::WorkerInfo;
using cluster::WorkerLoad;

/// Names of the prompt's full blocks (kv/prefix_hash.h).
std::vector<std::uint64_t> prefix_hashes(const GenerationSpec& spec, std::int32_t block_tokens);

// ---- events in -------------------------------------------------------------------------------------------------
struct WorkerUp { WorkerId worker; WorkerInfo info; };
/// Connection lost, process dead or hung. Its attempts are retried, replayed or failed.
struct WorkerDown { WorkerId worker; };
/// No new attempts there; running ones finish.
struct WorkerDraining { WorkerId worker; };
struct LoadReport { WorkerId worker; WorkerLoad load; };
struct Arrive {
  RequestId request;
  std::shared_ptr<const GenerationSpec> spec;
  TimePoint deadline = kNever;
  /// What the class and the output length are told from. prompt_tokens and max_tokens are taken from the spec.
  classify::Features features = {};
  /// prefix_hashes() of the prompt, for block_tokens of the scheduling configuration. Empty:
  /// computed from the tokens when the policy needs them.
  std::vector<std::uint64_t> prefix_hashes = {};
  bool explain = false;  ///< an Explained comes before each dispatch
};
/// Client gone or stop string found. The request ends silently: no Finish, no Fail command follows.
/// `complete`: its output is whole (stop string found), so its length is learned.
struct Abandon { RequestId request; bool complete = false; };
struct TicketIn { WorkerId worker; AttemptId attempt; std::string ticket; };
struct TokensIn { WorkerId worker; std::span<const TokenOut> tokens; };
/// Logprobs of prompt tokens; all of them come before the attempt's first token.
struct PromptLogprobsIn { WorkerId worker; PromptLogprobs logprobs; };
struct PrefilledIn { WorkerId worker; AttemptId attempt; std::int32_t cached_tokens = 0; };
struct HandedIn { WorkerId worker; AttemptId attempt; std::uint64_t bytes = 0; std::chrono::microseconds elapsed{0}; };
struct FailedIn { WorkerId worker; AttemptId attempt; Error error; };
/// Time passed; call at least at next_deadline().
struct Tick {};
/// No new requests: Arrive is answered with Fail(draining).
struct StartDrain {};
using Event = std::variant<WorkerUp, WorkerDown, WorkerDraining, LoadReport, Arrive, Abandon, TicketIn, TokensIn,
                           PromptLogprobsIn, PrefilledIn, HandedIn, FailedIn, Tick, StartDrain>;

// ---- commands out ----------------------------------------------------------------------------------------------
struct SendGenerate {
  WorkerId worker;
  AttemptId attempt;
  std::shared_ptr<const GenerationSpec> spec;
  TimePoint deadline;
  float itl_slo_ms = 0;  ///< between two tokens, of the class it is served by; 0: none
};
struct SendPrefill { WorkerId worker; AttemptId attempt; std::shared_ptr<const GenerationSpec> spec; TimePoint deadline; };
struct SendReserve {
  WorkerId worker;
  AttemptId attempt;
  std::shared_ptr<const GenerationSpec> spec;
  TimePoint deadline;
  float itl_slo_ms = 0;  ///< between two tokens, of the class it is served by; 0: none
};
struct SendGrant { WorkerId worker; AttemptId attempt; std::string ticket; };
struct SendCancel { WorkerId worker; AttemptId attempt; };
/// Tokens reach the client in index order, each exactly once.
struct Deliver { RequestId request; TokenOut token; };
/// Logprobs of prompt tokens reach the client in order, each exactly once, before its first token.
struct DeliverPrompt { RequestId request; PromptLogprobs logprobs; };
/// Ends a request well; the last Deliver carried the finish reason. `kv_bytes` were moved for it.
struct Finish { RequestId request; std::int32_t cached_tokens = 0; std::uint64_t kv_bytes = 0; std::int32_t attempts = 1; };
/// Ends a request badly. After the first Deliver the router turns it into an error event in the stream.
struct Fail { RequestId request; Error error; };
/// Why an attempt of a request that asked goes where it goes; comes right before its dispatch. Render it with
/// to_text() or to_json() (schedule/explain.h).
struct Explained { RequestId request; std::shared_ptr<const Explanation> why; };
using Command =
    std::variant<SendGenerate, SendPrefill, SendReserve, SendGrant, SendCancel, Deliver, DeliverPrompt, Finish, Fail,
                 Explained>;

/// Sees each placement as it is made: what was known, what was asked, what was decided. For studies; references are
/// borrowed for the call.
using PlacementObserver = std::function<void(const cluster::Snapshot&, const Ask&, const Decision&)>;

struct CoordinatorOptions {
  SchedulingConfig scheduling;
  FaultConfig faults;
  std::int32_t queue_requests = 1024;
  std::int32_t running_requests = 4096;
  std::chrono::milliseconds queue_timeout{60'000};
  /// How long requests wait for a worker to come back once nobody can serve them; new ones are refused meanwhile.
  std::chrono::milliseconds restart_grace{5'000};
  std::chrono::milliseconds ticket_timeout{10'000};    ///< Reserve sent, no ticket: another D is tried
  std::chrono::milliseconds handover_timeout{30'000};  ///< P is done and knows where to push: replayed elsewhere
  std::uint64_t seed = 1;                              ///< for tie breaking
  std::vector<ClassConfig> classes = {};  ///< of classify::effective_classes; empty: the built-in ones
  classify::LengthOptions lengths = {};
};

/// Counts for /metrics and /ready.
struct CoordinatorStats {
  std::int32_t queued = 0, running = 0, prefill_workers = 0, decode_workers = 0;
  std::uint64_t arrived = 0, finished = 0, failed = 0, abandoned = 0, retries = 0, replays = 0, split = 0, local = 0;
  std::uint64_t kv_bytes = 0;
  std::uint64_t shed = 0;       ///< refused early: they would have waited beyond their bound (counted in failed too)
  std::uint64_t fallbacks = 0;  ///< placed by their class's fallback, whose own objectives nobody could meet
  std::uint64_t flips = 0;      ///< times a worker for both roles was steered to one of them, or back
  /// Expected worker-seconds of what was dispatched. prefill_work_s / decode_work_s, of late, is the golden ratio: as
  /// the capacity of the two pools should be.
  double prefill_work_s = 0, decode_work_s = 0;
  double golden_ratio = 0;                   ///< of the last minutes; 0: unknown
  double prefill_load = 0, decode_load = 0;  ///< worker-seconds of late per second and worker of the pool
  classify::Calibration lengths;
};

/// The life of every request of one router shard (docs/request-life.md). Sans-IO: no clock, no sockets, no threads;
/// the same object runs in the router and in the simulator. Every request that arrived ends in exactly one of Finish,
/// Fail or (if its client left) Abandon. Attempts ended early get SendCancel on every worker that may still hold them.
class Coordinator {
 public:
  explicit Coordinator(CoordinatorOptions options);
  ~Coordinator();
  Coordinator(Coordinator&&) noexcept;
  Coordinator& operator=(Coordinator&&) noexcept;

  /// Commands are valid until the next call. Order matters within one worker and within one request.
  std::span<const Command> handle(const Event& event, TimePoint now);
  /// When handle(Tick{}) must be called at the latest; kNever if nothing waits.
  TimePoint next_deadline() const;
  /// A prompt could be served now: a prefill and a decode path for one model (or a worker that does both).
  bool ready() const;
  const CoordinatorStats& stats() const;
  void observe_placements(PlacementObserver observer);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace baton::schedule
