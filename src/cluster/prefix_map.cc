#include "cluster/prefix_map.h"

#include <algorithm>
#include <ranges>

namespace baton::cluster {

namespace {
constexpr std::size_t kProbes = 64;
}

PrefixMap::Holder* PrefixMap::find(std::uint64_t hash, WorkerId worker) {
  const auto found = holders_.find(hash);
  if (found == holders_.end()) return nullptr;
  const auto at = std::ranges::lower_bound(found->second, worker, {}, &Holder::worker);
  return at != found->second.end() && at->worker == worker ? &*at : nullptr;
}

void PrefixMap::add(WorkerId worker, std::span<const std::uint64_t> hashes) {
  Worker& state = workers_[worker];
  // Last block first: a prefix is forgotten from its end.
  for (const std::uint64_t hash : std::views::reverse(hashes)) enter(worker, state, hash);
  trim(worker, state);
}

void PrefixMap::enter(WorkerId worker, Worker& state, std::uint64_t hash) {
  auto& list = holders_[hash];
  auto at = std::ranges::lower_bound(list, worker, {}, &Holder::worker);
  if (at == list.end() || at->worker != worker) {
    at = list.insert(at, {worker, 0});
    ++state.held;
  }
  at->stamp = ++state.stamp;
  state.queue.push_back({hash, at->stamp});
}

bool PrefixMap::erase(std::uint64_t hash, WorkerId worker) {
  const auto found = holders_.find(hash);
  if (found == holders_.end()) return false;
  if (std::erase_if(found->second, [&](const Holder& h) { return h.worker == worker; }) == 0) return false;
  if (found->second.empty()) holders_.erase(found);
  return true;
}

/// Keeps the worker's part, and its queue with the outdated entries, within bounds.
void PrefixMap::trim(WorkerId worker, Worker& state) {
  const std::size_t share = std::max<std::size_t>(kMaxBlocks / std::max<std::size_t>(workers_.size(), 1), 64);
  const std::size_t capacity = std::min(state.capacity, share);
  while (!state.queue.empty() && (state.held > capacity || state.queue.size() > 2 * capacity)) {
    const Entry oldest = state.queue.front();
    state.queue.pop_front();
    const Holder* holder = find(oldest.hash, worker);
    if (holder == nullptr || holder->stamp != oldest.stamp) continue;
    if (state.held > capacity) {
      erase(oldest.hash, worker);
      --state.held;
    } else {
      state.queue.push_back(oldest);
    }
  }
}

void PrefixMap::remove(WorkerId worker, std::span<const std::uint64_t> hashes) {
  const auto state = workers_.find(worker);
  if (state == workers_.end()) return;
  for (const std::uint64_t hash : hashes) {
    if (erase(hash, worker)) --state->second.held;
  }
}

void PrefixMap::forget(WorkerId worker) {
  const auto state = workers_.find(worker);
  if (state == workers_.end()) return;
  for (const Entry& entry : state->second.queue) erase(entry.hash, worker);
  state->second.queue.clear();
  state->second.held = 0;
}

void PrefixMap::set_capacity(WorkerId worker, std::size_t blocks) {
  Worker& state = workers_[worker];
  state.capacity = blocks;
  trim(worker, state);
}

/// Narrows hits_ to the holders of one block, who hold `blocks` blocks then. False if nobody holds it.
bool PrefixMap::keep_holders(std::uint64_t hash, std::int32_t blocks, bool first) {
  const auto found = holders_.find(hash);
  if (found == holders_.end()) return false;
  if (first) {
    for (const Holder& holder : found->second) hits_.push_back({holder.worker, blocks});
    return true;
  }
  bool any = false;
  auto holder = found->second.begin();
  for (PrefixHit& hit : hits_) {
    while (holder != found->second.end() && holder->worker < hit.worker) ++holder;
    if (holder == found->second.end()) break;
    if (holder->worker != hit.worker) continue;
    hit.blocks = blocks;
    any = true;
  }
  return any;
}

std::span<const PrefixHit> PrefixMap::match(std::span<const std::uint64_t> hashes) {
  hits_.clear();
  if (hashes.empty() || holders_.empty()) return hits_;
  const std::size_t stride = std::max<std::size_t>((hashes.size() + kProbes - 1) / kProbes, 1);
  if (!keep_holders(hashes[0], 1, true)) return hits_;
  // Short common prefixes are found at every power of two below the stride.
  for (std::size_t at = 1; at < hashes.size();) {
    if (!keep_holders(hashes[at], static_cast<std::int32_t>(at + 1), false)) break;
    if (at + 1 == hashes.size()) break;
    at = std::min(at + 1 < stride ? 2 * at + 1 : at + stride, hashes.size() - 1);
  }
  return hits_;
}

}  // namespace baton::cluster
