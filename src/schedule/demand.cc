#include "schedule/demand.h"

#include <algorithm>
#include <cmath>

namespace baton::schedule {

namespace {

constexpr double kWindow_s = 60.0;

double decay(TimePoint from, TimePoint to) {
  const double seconds = std::chrono::duration<double>(to - from).count();
  return seconds > 0 ? std::exp(-seconds / kWindow_s) : 1.0;
}

/// The two pools of a group. Workers for both roles that were not steered decode if somebody prefills for them.
struct Pools {
  int prefill = 0, decode = 0, dedicated = 0;
  const cluster::WorkerView* to_prefill = nullptr;  ///< the flexible worker with least to decode
  const cluster::WorkerView* to_decode = nullptr;   ///< the flexible worker with least to prefill
};

bool prefills(const cluster::WorkerView& w, const cluster::Group& group) {
  return w.role == Role::prefill || (w.role == Role::both && group.prefill == 0);
}

Pools pools_of(const cluster::Snapshot& snapshot, std::uint32_t number) {
  Pools pools;
  for (const cluster::WorkerView& w : snapshot.workers) {
    if (w.group != number || !w.placeable()) continue;
    const bool in_prefill = prefills(w, snapshot.groups[number]);
    ++(in_prefill ? pools.prefill : pools.decode);
    if (!w.flexible) {
      ++pools.dedicated;
    } else if (in_prefill) {
      if (pools.to_decode == nullptr || w.prefill_tokens() < pools.to_decode->prefill_tokens()) pools.to_decode = &w;
    } else if (pools.to_prefill == nullptr || w.sequences() < pools.to_prefill->sequences()) {
      pools.to_prefill = &w;
    }
  }
  return pools;
}

double busier(double prefill, double decode, int prefill_workers, int decode_workers) {
  return std::max(prefill / prefill_workers, decode / decode_workers);
}

}  // namespace

void DecayingRate::add(double amount, TimePoint now) {
  rate_ = rate_ * decay(at_, now) + amount / kWindow_s;
  at_ = now;
}

double DecayingRate::per_second(TimePoint now) const { return rate_ * decay(at_, now); }

void Demand::add(std::uint32_t group, double prefill_s, double decode_s, TimePoint now) {
  if (group >= groups_.size()) groups_.resize(group + 1);
  groups_[group].prefill.add(prefill_s, now);
  groups_[group].decode.add(decode_s, now);
}

Demand::Load Demand::load(const cluster::Snapshot& snapshot, TimePoint now) const {
  double prefill = 0, decode = 0;
  int prefill_workers = 0, decode_workers = 0;
  for (std::size_t i = 0; i < snapshot.groups.size(); ++i) {
    const Pools pools = pools_of(snapshot, static_cast<std::uint32_t>(i));
    prefill_workers += pools.prefill;
    decode_workers += pools.decode;
    if (i >= groups_.size()) continue;
    prefill += groups_[i].prefill.per_second(now);
    decode += groups_[i].decode.per_second(now);
  }
  return {.golden_ratio = decode > 0 ? prefill / decode : 0,
          .prefill = prefill_workers > 0 ? prefill / prefill_workers : 0,
          .decode = decode_workers > 0 ? decode / decode_workers : 0};
}

std::optional<Demand::Flip> Demand::review(const cluster::Snapshot& snapshot, TimePoint now) {
  for (std::size_t i = 0; i < std::min(groups_.size(), snapshot.groups.size()); ++i) {
    Group& group = groups_[i];
    if (group.has_flipped && now - group.last_flip < kFlipInterval) continue;
    const Pools pools = pools_of(snapshot, static_cast<std::uint32_t>(i));
    if (pools.dedicated == 0 || pools.prefill == 0 || pools.decode == 0) continue;
    const double prefill = group.prefill.per_second(now), decode = group.decode.per_second(now);
    const double present = busier(prefill, decode, pools.prefill, pools.decode);
    if (present < kLeastLoad) continue;
    const double goal = present * (1 - kLeastGain);
    const cluster::WorkerView* chosen = nullptr;
    Role role = Role::both;
    if (pools.to_prefill != nullptr && pools.decode > 1 &&
        busier(prefill, decode, pools.prefill + 1, pools.decode - 1) < goal) {
      chosen = pools.to_prefill;
      role = Role::prefill;
    } else if (pools.to_decode != nullptr && pools.prefill > 1 &&
               busier(prefill, decode, pools.prefill - 1, pools.decode + 1) < goal) {
      chosen = pools.to_decode;
      role = Role::decode;
    }
    if (chosen == nullptr) continue;
    group.last_flip = now;
    group.has_flipped = true;
    return Flip{chosen->id, role};
  }
  return std::nullopt;
}

}  // namespace baton::schedule
