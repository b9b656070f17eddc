#include "cluster/membership.h"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "core/check.h"
#include "perf/cost_model.h"

namespace baton::cluster {

namespace {

/// A prompt the pool cannot hold is refused like one over the model's context.
std::int32_t usable_context(const WorkerInfo& info) {
  if (info.total_blocks == 0) return info.max_context;
  const std::int64_t pool = std::int64_t{info.total_blocks} * info.block_tokens;
  const std::int64_t context = info.max_context == 0 ? pool : std::min<std::int64_t>(pool, info.max_context);
  return static_cast<std::int32_t>(std::min<std::int64_t>(context, std::numeric_limits<std::int32_t>::max()));
}

std::int32_t& count_of(Group& group, Role role) {
  switch (role) {
    case Role::prefill: return group.prefill;
    case Role::decode: return group.decode;
    case Role::both: break;
  }
  return group.both;
}

constexpr double kNeutralDollarsPerHour = 1.0;
constexpr std::size_t kMaxSamplesPerReport = 64;
constexpr std::int64_t kMostTokens = std::int64_t{1} << 40;
constexpr std::int32_t kMostSequences = 1 << 20;

/// The counts of a report as far as they are possible.
WorkerLoad plausible(const WorkerLoad& load, const WorkerView& view) {
  const std::int32_t most_blocks = view.total_blocks > 0 ? view.total_blocks : std::numeric_limits<std::int32_t>::max();
  return {.free_blocks = std::clamp(load.free_blocks, 0, most_blocks),
          .running = std::clamp(load.running, 0, kMostSequences),
          .waiting = std::clamp(load.waiting, 0, kMostSequences),
          .waiting_prefill_tokens = std::clamp<std::int64_t>(load.waiting_prefill_tokens, 0, kMostTokens)};
}

}  // namespace

perf::Replica neutral_replica() {
  perf::Replica replica;
  replica.shape = {.parameters = 8e9, .layers = 32, .hidden = 4096, .q_heads = 32, .kv_heads = 8, .head_dim = 128};
  replica.flops = 300e12;
  replica.bandwidth = 2e12;
  replica.memory_bytes = 80e9;
  replica.dollars_per_hour = kNeutralDollarsPerHour;
  return replica;
}

WorkerView* Membership::mutable_find(WorkerId worker) { return const_cast<WorkerView*>(snapshot_.find(worker)); }

WorkerView& Membership::row(WorkerId worker) {
  if (WorkerView* known = mutable_find(worker)) return *known;
  auto& workers = snapshot_.workers;
  WorkerView view;
  view.id = worker;
  return *workers.insert(std::ranges::upper_bound(workers, worker, {}, &WorkerView::id), view);
}

/// Keeps the groups' counts in step with who is placeable.
void Membership::set_state(WorkerView& view, WorkerState state) {
  const bool was = view.placeable();
  view.state = state;
  if (was == view.placeable()) return;
  count_of(snapshot_.groups[view.group], view.role) += was ? -1 : 1;
}

std::uint32_t Membership::group_of(const WorkerInfo& info) {
  const GroupKey key{info.model_hash, info.block_tokens};
  const auto at = static_cast<std::size_t>(std::ranges::find(group_keys_, key) - group_keys_.begin());
  if (at == group_keys_.size()) {
    group_keys_.push_back(key);
    snapshot_.groups.emplace_back();
  }
  return static_cast<std::uint32_t>(at);
}

void Membership::connecting(WorkerId worker) {
  WorkerView& view = row(worker);
  if (view.state == WorkerState::down) set_state(view, WorkerState::connecting);
}

void Membership::up(WorkerId worker, WorkerInfo info) {
  BATON_CHECK(info.block_tokens > 0);
  WorkerView& view = row(worker);
  set_state(view, WorkerState::connecting);
  view.role = info.role;
  view.flexible = info.role == Role::both;
  view.group = group_of(info);
  view.block_tokens = info.block_tokens;
  view.total_blocks = info.total_blocks;
  view.max_batch = info.max_batch;
  view.max_context = usable_context(info);
  view.reported = WorkerLoad{.free_blocks = info.total_blocks};
  view.booked_at_report = {};
  place_and_price(view, info);
  prefixes_.forget(worker);
  if (info.total_blocks > 0) prefixes_.set_capacity(worker, static_cast<std::size_t>(info.total_blocks));
  calibrators_.insert_or_assign(worker, perf::Calibrator(view.replica));
  refresh(view);
  set_state(view, WorkerState::up);
  infos_.insert_or_assign(worker, std::move(info));
}

void Membership::place_and_price(WorkerView& view, const WorkerInfo& info) {
  view.replica = info.replica.value_or(neutral_replica());
  view.is_modelled = info.replica.has_value();
  if (info.price_per_hour > 0) view.replica.dollars_per_hour = info.price_per_hour;
  if (!(view.replica.dollars_per_hour > 0)) view.replica.dollars_per_hour = kNeutralDollarsPerHour;
  view.dollars_per_hour = view.replica.dollars_per_hour;
  view.spot = info.spot;
  view.host = number_of(info.host_id.empty() ? "" : "host " + info.host_id);
  // The same rack name in two zones means two racks.
  view.rack = number_of(info.rack.empty() ? "" : "rack " + info.zone + "/" + info.rack);
  view.zone = number_of(info.zone.empty() ? "" : "zone " + info.zone);
  auto& types = snapshot_.gpu_types;
  view.gpu = static_cast<std::uint32_t>(std::ranges::find(types, info.gpu_type) - types.begin());
  if (view.gpu == types.size()) types.push_back(info.gpu_type);
}

void Membership::refresh(WorkerView& view) {
  constexpr double kProbe = 1024;
  const double sequences = view.sequences() + 1.0;
  const double batch = view.max_batch > 0 ? std::min<double>(sequences, view.max_batch) : sequences;
  // Those of the batch; the rest waits without being read.
  const double context = static_cast<double>(view.context_tokens()) * batch / sequences;
  const double step_s = perf::decode_step_s(view.replica, batch, context / batch);
  const double longer_s = perf::decode_step_s(view.replica, batch, (context + kProbe) / batch);
  view.expected = {.batch = batch, .step_s = step_s, .context_token_s = (longer_s - step_s) / kProbe};
  const double waiting = static_cast<double>(view.prefill_tokens());
  if (waiting <= 0) return;
  const double prompts = view.prefills();
  view.expected.mean_prompt = waiting / prompts;
  view.expected.backlog_s = prompts * perf::prefill_s(view.replica, waiting / prompts, 0);
}

std::uint32_t Membership::number_of(const std::string& place) {
  if (place.empty()) return 0;
  return places_.try_emplace(place, static_cast<std::uint32_t>(places_.size() + 1)).first->second;
}

void Membership::draining(WorkerId worker) {
  WorkerView* view = mutable_find(worker);
  if (view != nullptr && view->state == WorkerState::up) set_state(*view, WorkerState::draining);
}

void Membership::down(WorkerId worker) {
  WorkerView* view = mutable_find(worker);
  if (view == nullptr) return;
  BATON_CHECK(view->booked == Booking{});
  set_state(*view, WorkerState::down);
  prefixes_.forget(worker);
}

void Membership::steer(WorkerId worker, Role role) {
  WorkerView* view = mutable_find(worker);
  if (view == nullptr || !view->flexible || view->role == role) return;
  const WorkerState state = view->state;
  set_state(*view, WorkerState::connecting);
  view->role = role;
  set_state(*view, state);
}

void Membership::report(WorkerId worker, const WorkerLoad& load) {
  WorkerView* view = mutable_find(worker);
  if (view == nullptr || view->state == WorkerState::down) return;
  view->reported = plausible(load, *view);
  view->booked_at_report = view->booked;
  const auto calibrator = calibrators_.find(worker);
  if (calibrator != calibrators_.end() && !load.samples.empty()) {
    const std::size_t count = std::min(load.samples.size(), kMaxSamplesPerReport);
    for (const perf::StepSample& sample : std::span(load.samples).first(count)) calibrator->second.observe(sample);
    view->replica = calibrator->second.replica();
  }
  refresh(*view);
  if (load.cache.reset) prefixes_.forget(worker);
  prefixes_.remove(worker, load.cache.removed);
  if (!load.cache.added.empty()) prefixes_.add(worker, load.cache.added);
}

void Membership::book(WorkerId worker, const Booking& booking) {
  WorkerView* view = mutable_find(worker);
  BATON_CHECK(view != nullptr);
  view->booked += booking;
  refresh(*view);
}

void Membership::release(WorkerId worker, const Booking& booking) {
  WorkerView* view = mutable_find(worker);
  BATON_CHECK(view != nullptr);
  view->booked -= booking;
  const Booking& left = view->booked;
  BATON_CHECK(left.sequences >= 0 && left.blocks >= 0 && left.prefill_tokens >= 0);
  BATON_CHECK(left.prefills >= 0 && left.context_tokens >= 0);
  refresh(*view);
}

void Membership::refused(WorkerId worker, std::int64_t tokens) {
  WorkerView* view = mutable_find(worker);
  if (view == nullptr) return;
  const std::int32_t room = view->blocks_for(tokens) - 1;
  if (view->free_blocks() <= room) return;
  view->reported.free_blocks = room + view->booked.blocks - view->booked_at_report.blocks;
}

const WorkerInfo* Membership::info(WorkerId worker) const {
  const auto found = infos_.find(worker);
  return found == infos_.end() ? nullptr : &found->second;
}

}  // namespace baton::cluster
