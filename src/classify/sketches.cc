#include "classify/sketches.h"

namespace baton::classify {

const DecayingHistogram* Sketches::find(std::uint64_t key) const {
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : &slots_[found->second].histogram;
}

DecayingHistogram& Sketches::touch(std::uint64_t key) {
  const auto found = index_.find(key);
  std::uint32_t slot = 0;
  if (found != index_.end()) {
    slot = found->second;
    unlink(slot);
  } else {
    slot = take_slot();
    slots_[slot].key = key;
    index_.emplace(key, slot);
  }
  link_newest(slot);
  return slots_[slot].histogram;
}

/// A slot outside the ring with an empty histogram.
std::uint32_t Sketches::take_slot() {
  if (slots_.size() < capacity_) {
    slots_.emplace_back();
    return static_cast<std::uint32_t>(slots_.size() - 1);
  }
  const std::uint32_t oldest = slots_[newest_].newer;  // the ring closes from the newest to the oldest
  unlink(oldest);
  index_.erase(slots_[oldest].key);
  slots_[oldest].histogram = {};
  return oldest;
}

void Sketches::unlink(std::uint32_t slot) {
  const Slot& gone = slots_[slot];
  slots_[gone.older].newer = gone.newer;
  slots_[gone.newer].older = gone.older;
  if (newest_ == slot) newest_ = gone.older;
}

void Sketches::link_newest(std::uint32_t slot) {
  // A slot linked to nothing but itself is the whole ring: the first one, or the only one there is room for.
  const bool is_alone = slots_.size() == 1;
  const std::uint32_t before = is_alone ? slot : newest_;
  const std::uint32_t after = is_alone ? slot : slots_[before].newer;
  slots_[slot].older = before;
  slots_[slot].newer = after;
  slots_[before].newer = slot;
  slots_[after].older = slot;
  newest_ = slot;
}

}  // namespace baton::classify
