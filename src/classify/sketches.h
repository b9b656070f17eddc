#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "classify/histogram.h"

namespace baton::classify {

/// Histograms by key, at most `capacity` of them: a new one takes the place of the least recently touched.
class Sketches {
 public:
  explicit Sketches(std::size_t capacity) : capacity_(capacity < 1 ? 1 : capacity) {}

  /// Null if there is none. Does not count as a use.
  const DecayingHistogram* find(std::uint64_t key) const;
  /// The key's histogram, empty if it is new, now the most recently used one. Valid until the next touch.
  DecayingHistogram& touch(std::uint64_t key);
  std::size_t size() const { return slots_.size(); }

 private:
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t newer = 0, older = 0;  ///< ring in order of use
    DecayingHistogram histogram;
  };
  void unlink(std::uint32_t slot);
  void link_newest(std::uint32_t slot);
  std::uint32_t take_slot();

  std::size_t capacity_;
  std::vector<Slot> slots_;
  std::unordered_map<std::uint64_t, std::uint32_t> index_;
  std::uint32_t newest_ = 0;  ///< meaningless while there are no slots
};

}  // namespace baton::classify
