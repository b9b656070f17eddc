#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "classify/length.h"
#include "cluster/links.h"
#include "cluster/membership.h"
#include "schedule/coordinator.h"
#include "schedule/demand.h"
#include "schedule/fair_queue.h"
#include "schedule/pace.h"
#include "schedule/placement.h"
#include "schedule/request.h"

namespace baton::schedule {

/// What Coordinator hides: the table of requests and what each event does to them (docs/request-life.md).
///
/// Invariants between events:
///  - a request is in `queue_`, in `parked_`, or has a live attempt in `attempts_`, never in two of them;
///  - a side is open exactly while its booking is counted in `members_`, and only on workers that are not down;
///  - a request's earliest deadline is its one entry in `timers_`.
class LifeCycle {
 public:
  explicit LifeCycle(CoordinatorOptions options);

  std::span<const Command> handle(const Event& event, TimePoint now);
  TimePoint next_deadline() const { return timers_.empty() ? kNever : std::get<TimePoint>(*timers_.begin()); }
  bool ready() const;
  const CoordinatorStats& stats() const { return stats_; }
  void observe_placements(PlacementObserver observer) { observer_ = std::move(observer); }

 private:
  /// Failed hand-overs after which one worker does the whole request.
  static constexpr std::int32_t kMaxHandoverFailures = 2;

  enum class Placed : std::uint8_t { dispatched, no_room, no_path };

  // Workers (workers.cc).
  void on(const WorkerUp& event);
  void on(const WorkerDown& event);
  void on(const WorkerDraining& event);
  void on(const LoadReport& event);
  void lose(WorkerId worker);
  void workers_changed();
  void count_workers();
  void steer();
  std::int64_t largest_prompt() const;

  // Requests: arrival, waiting, ends (requests.cc).
  void on(const Arrive& event);
  void on(const Abandon& event);
  void on(const Tick& event);
  void on(const StartDrain& event);
  std::optional<Error> refusal(const Arrive& event) const;
  void enqueue(Request& request);
  void pump();
  void park(Request& request);
  void unpark();
  std::size_t waiting() const { return queue_.size() + parked_.size(); }
  void expire(Request& request);
  void finish(Request& request);
  void fail_request(Request& request, Error error);
  void erase(Request& request);
  void arm(Request& request);
  int retry_after_s() const;
  std::optional<Error> hopeless(const Request& request) const;

  // What is promised and expected (promises.cc).
  void take_in(Request& request, const Arrive& event);
  void find_gpu_preferences();
  Ask ask_for(Request& request, std::int32_t class_index);
  std::optional<Decision> decide(Request& request, Ask& ask);
  double output_left(const Request& request, double forecast) const;
  void measure_demand(const Ask& ask, const Decision& decision);
  void explain(const Request& request, const Ask& ask, const Decision& decision);
  void observe_length(const Request& request, FinishReason reason);

  // Attempts: dispatch, failure, release (attempts.cc).
  Placed try_place(Request& request);
  bool somebody_could(const Ask& ask) const;
  void lift_refusals(Request& request);
  void dispatch(Request& request, const Ask& ask, const Decision& decision);
  std::shared_ptr<const GenerationSpec> attempt_spec(const Request& request) const;
  void open(Side& side, WorkerId worker, const cluster::Booking& booking);
  void close(Side& side);
  void cancel(Side& side, AttemptId attempt);
  void prefill_done(Side& side);
  void end_attempt(Request& request);
  void attempt_failed(Request& request, WorkerId culprit, Error error);

  // What workers say of attempts (progress.cc).
  void on(const TicketIn& event);
  void on(const TokensIn& event);
  void on(const PromptLogprobsIn& event);
  void on(const PrefilledIn& event);
  void on(const HandedIn& event);
  void on(const FailedIn& event);
  Request* find(AttemptId attempt);
  void accept(Request& request, WorkerId worker, const TokenOut& token);
  bool deliver(Request& request, const TokenOut& token);
  void deliver_early(Request& request);
  void note_first_token(Request& request);
  void note_handed(Request& request);
  void await_handover(Request& request);

  std::string name_of(WorkerId worker) const;
  std::uint64_t random();

  using TimerEntry = std::tuple<TimePoint, std::uint64_t, RequestId>;

  CoordinatorOptions options_;
  PlacementObserver observer_;
  Policy policy_;
  cluster::Membership members_;
  std::unordered_map<RequestId, Request> requests_;
  std::unordered_map<AttemptId, Request*> attempts_;
  FairQueue queue_;
  std::map<std::uint64_t, Request*> parked_;  ///< by order of arrival
  std::set<TimerEntry> timers_;
  std::vector<Command> commands_;
  CoordinatorStats stats_;
  TimePoint now_{};
  bool draining_ = false;
  std::int64_t largest_prompt_ = 0;  ///< of the placeable workers
  std::uint64_t next_order_ = 0;
  std::uint64_t next_attempt_ = 0;
  std::uint64_t turns_ = 0;
  std::uint64_t random_state_;
  Pace pace_;
  std::vector<ClassConfig> classes_;
  std::vector<std::int32_t> fallbacks_;  ///< by class: index of its fallback, or -1
  struct GpuFactors {
    std::vector<float> prefill, decode;
  };
  std::vector<GpuFactors> gpu_factors_;  ///< by class
  classify::LengthPredictor lengths_;
  cluster::LinkTable links_;
  Demand demand_;
  TimePoint next_review_{};
};

}  // namespace baton::schedule
