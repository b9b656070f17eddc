#include <algorithm>

#include "classify/classifier.h"
#include "core/hash.h"
#include "schedule/life_cycle.h"

namespace baton::schedule {

namespace {

constexpr double kGigabit = 1e9 / 8;
constexpr Duration kReviewInterval = 1s;

cluster::LinkTable::Links configured_links(const SchedulingConfig& config) {
  return {perf::Link{config.host_link_gbps * kGigabit, 10e-6}, perf::Link{config.rack_link_gbps * kGigabit, 20e-6},
          perf::Link{config.zone_link_gbps * kGigabit, 100e-6}, perf::Link{config.remote_link_gbps * kGigabit, 1e-3}};
}

std::vector<ClassConfig> classes_of(std::vector<ClassConfig> configured) {
  return configured.empty() ? classify::effective_classes(Config{}) : std::move(configured);
}

}  // namespace

LifeCycle::LifeCycle(CoordinatorOptions options)
    : options_(std::move(options)),
      policy_(make_policy(options_.scheduling.policy)),
      queue_(options_.scheduling.priority_ageing),
      random_state_(options_.seed),
      classes_(classes_of(options_.classes)),
      lengths_(options_.lengths),
      links_(configured_links(options_.scheduling)) {
  for (const ClassConfig& c : classes_) fallbacks_.push_back(classify::find_class(classes_, c.fallback));
  gpu_factors_.resize(classes_.size());
}

std::span<const Command> LifeCycle::handle(const Event& event, TimePoint now) {
  commands_.clear();
  now_ = now;
  std::visit([this](const auto& e) { on(e); }, event);
  return commands_;
}

void LifeCycle::on(const WorkerUp& event) {
  const cluster::WorkerInfo* known = members_.info(event.worker);
  const cluster::WorkerView* view = members_.find(event.worker);
  const bool live = view != nullptr && view->state != cluster::WorkerState::down;
  if (live && known != nullptr && known->incarnation == event.info.incarnation) return;
  if (live) lose(event.worker);
  members_.up(event.worker, event.info);
  find_gpu_preferences();
  workers_changed();
  pump();
}

void LifeCycle::on(const WorkerDown& event) {
  lose(event.worker);
  workers_changed();
  pump();
}

void LifeCycle::on(const WorkerDraining& event) {
  members_.draining(event.worker);
  workers_changed();
  pump();
}

void LifeCycle::on(const LoadReport& event) {
  members_.report(event.worker, event.load);
  steer();
  pump();
}

/// Lets workers for both roles follow the demand, and keeps the figures for it fresh.
void LifeCycle::steer() {
  if (now_ < next_review_ && now_ + 2 * kReviewInterval > next_review_) return;  // a clock that jumped back counts too
  next_review_ = now_ + kReviewInterval;
  if (const auto flip = demand_.review(members_.snapshot(), now_)) {
    members_.steer(flip->worker, flip->role);
    ++stats_.flips;
    workers_changed();
  }
  const Demand::Load load = demand_.load(members_.snapshot(), now_);
  stats_.golden_ratio = load.golden_ratio;
  stats_.prefill_load = load.prefill;
  stats_.decode_load = load.decode;
}

void LifeCycle::workers_changed() {
  count_workers();
  unpark();
}

/// Closes every side on a worker that is gone, in order of arrival, and ends the attempts that needed it.
void LifeCycle::lose(WorkerId worker) {
  std::vector<Request*> hit;
  for (auto& [id, request] : requests_) {
    if (!request.running) continue;
    const Attempt& a = request.attempt;
    const bool there = (a.prefill.open && a.prefill.worker == worker) || (a.decode.open && a.decode.worker == worker);
    if (there) hit.push_back(&request);
  }
  std::ranges::sort(hit, {}, &Request::order);
  const std::string name = name_of(worker);
  // All sides are closed before any attempt ends: nothing may be sent to this worker any more.
  for (Request* request : hit) {
    for (Side* side : {&request->attempt.prefill, &request->attempt.decode}) {
      if (side->open && side->worker == worker) close(*side);
    }
  }
  members_.down(worker);
  for (Request* request : hit) {
    const Attempt& a = request->attempt;
    const bool needed = a.decode.worker == worker || !(a.handed && a.first_token);
    if (needed) attempt_failed(*request, worker, {Errc::worker_lost, "worker " + name + " was lost"});
  }
}

void LifeCycle::count_workers() {
  stats_.prefill_workers = 0;
  stats_.decode_workers = 0;
  for (const cluster::Group& group : members_.snapshot().groups) {
    stats_.prefill_workers += group.prefill + group.both;
    stats_.decode_workers += group.decode + group.both;
  }
  largest_prompt_ = largest_prompt();
}

/// The longest prompt somebody could serve: within one model, both sides must hold it, unless the decoding side may
/// do all of it.
std::int64_t LifeCycle::largest_prompt() const {
  struct Contexts {
    std::int64_t prefill = 0, decode = 0;
  };
  const cluster::Snapshot& snapshot = members_.snapshot();
  std::vector<Contexts> groups(snapshot.groups.size());
  for (const cluster::WorkerView& worker : snapshot.workers) {
    if (!worker.placeable()) continue;
    const std::int64_t context = worker.max_context > 0 ? worker.max_context : std::int64_t{1} << 62;
    Contexts& group = groups[worker.group];
    if (worker.role != Role::decode) group.prefill = std::max(group.prefill, context);
    if (worker.role != Role::prefill) group.decode = std::max(group.decode, context);
  }
  std::int64_t largest = 0;
  for (const auto& [prefill, decode] : groups) {
    const std::int64_t fallback = decode > 0 ? decode : prefill;
    largest = std::max(largest, options_.faults.role_fallback ? fallback : std::min(prefill, decode));
  }
  return largest;
}

bool LifeCycle::ready() const {
  return std::ranges::any_of(members_.snapshot().groups, [this](const cluster::Group& group) {
    const bool prefills = group.prefill + group.both > 0;
    const bool decodes = group.decode + group.both > 0;
    return options_.faults.role_fallback ? prefills || decodes : prefills && decodes;
  });
}

std::string LifeCycle::name_of(WorkerId worker) const {
  const cluster::WorkerInfo* info = members_.info(worker);
  if (info != nullptr && !info->name.empty()) return info->name;
  return std::string("#").append(std::to_string(worker.value));
}

std::uint64_t LifeCycle::random() { return mix64(random_state_ += 0x9e3779b97f4a7c15ULL); }

}  // namespace baton::schedule
