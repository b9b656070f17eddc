#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace baton::model {

/// Stream of normally distributed bfloat16 numbers, a function of (seed, stream) alone. Draws come from a table of the
/// distribution's 65536 quantiles, so making billions of them runs at disk speed.
class RandomBf16 {
 public:
  struct Distribution {
    float mean = 0.0F;
    float deviation = 1.0F;
  };
  RandomBf16(std::uint64_t seed, std::uint64_t stream, Distribution distribution);

  /// Fills `out` with the next numbers. A multiple of four of them, except in the last call.
  void fill(std::span<std::uint16_t> out);

 private:
  std::vector<std::uint16_t> quantiles_;
  std::uint64_t key_;
  std::uint64_t counter_ = 0;
};

}  // namespace baton::model
