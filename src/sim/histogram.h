#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "sim/time.h"

namespace baton::sim {

/// Counts of durations, to 1/32 of their size, from nanoseconds to centuries. Constant memory, exact merge.
class Histogram {
 public:
  void add(Nanos value, std::uint64_t count = 1) {
    counts_[cell(static_cast<std::uint64_t>(std::max<Nanos>(value, 0)))] += count;
    total_ += count;
  }
  void add(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
  }
  std::uint64_t total() const { return total_; }
  /// The value below which the share `q` of the counts lies, in seconds; 0 without any.
  double quantile(double q) const {
    if (total_ == 0) return 0;
    auto left = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(total_)));
    left = std::max<std::uint64_t>(left, 1);
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] >= left) return middle(i) * 1e-9;
      left -= counts_[i];
    }
    return middle(counts_.size() - 1) * 1e-9;
  }

 private:
  static constexpr int kBits = 5;  // cells per power of two: 32
  static std::size_t cell(std::uint64_t v) {
    if (v < (1U << kBits)) return v;
    const int shift = static_cast<int>(std::bit_width(v)) - 1 - kBits;
    return (static_cast<std::size_t>(shift + 1) << kBits) + ((v >> shift) & ((1U << kBits) - 1));
  }
  static double middle(std::size_t cell) {
    if (cell < (1U << kBits)) return static_cast<double>(cell);
    const int shift = static_cast<int>(cell >> kBits) - 1;
    const double low = std::ldexp(static_cast<double>((cell & ((1U << kBits) - 1)) + (1U << kBits)), shift);
    return low + std::ldexp(0.5, shift);
  }

  std::array<std::uint64_t, 60 << kBits> counts_{};
  std::uint64_t total_ = 0;
};

}  // namespace baton::sim
