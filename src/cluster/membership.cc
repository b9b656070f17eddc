#include "cluster/membership.h"

#include <limits>
#include <utility>

#include "core/check.h"

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

}  // namespace

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
  view.group = group_of(info);
  view.block_tokens = info.block_tokens;
  view.total_blocks = info.total_blocks;
  view.max_batch = info.max_batch;
  view.max_context = usable_context(info);
  view.reported = WorkerLoad{.free_blocks = info.total_blocks};
  view.booked_at_report = {};
  set_state(view, WorkerState::up);
  infos_.insert_or_assign(worker, std::move(info));
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
}

void Membership::report(WorkerId worker, const WorkerLoad& load) {
  WorkerView* view = mutable_find(worker);
  if (view == nullptr || view->state == WorkerState::down) return;
  view->reported = {.free_blocks = load.free_blocks,
                    .running = load.running,
                    .waiting = load.waiting,
                    .waiting_prefill_tokens = load.waiting_prefill_tokens};
  view->booked_at_report = view->booked;
}

void Membership::book(WorkerId worker, const Booking& booking) {
  WorkerView* view = mutable_find(worker);
  BATON_CHECK(view != nullptr);
  view->booked += booking;
}

void Membership::release(WorkerId worker, const Booking& booking) {
  WorkerView* view = mutable_find(worker);
  BATON_CHECK(view != nullptr);
  view->booked -= booking;
  BATON_CHECK(view->booked.sequences >= 0 && view->booked.blocks >= 0 && view->booked.prefill_tokens >= 0);
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
