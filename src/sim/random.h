#pragma once

#include <cstdint>

#include "core/hash.h"

namespace baton::sim {

/// A stream of random numbers named by (seed, purpose). Streams with different purposes are independent, so that two
/// runs with one seed draw the same arrivals whatever their policies do. The same bits on every platform: the
/// distributions are our own.
class Random {
 public:
  Random(std::uint64_t seed, std::uint64_t purpose) : state_(hash_combine(mix64(seed + 1), purpose)) {}

  std::uint64_t next() { return mix64(state_ += 0x9e3779b97f4a7c15ULL); }
  /// In (0, 1).
  double uniform() { return (static_cast<double>(next() >> 11) + 0.5) * 0x1p-53; }
  /// Uniform in [0, n); n > 0.
  std::uint64_t below(std::uint64_t n) { return static_cast<std::uint64_t>(uniform() * static_cast<double>(n)); }
  double exponential(double mean);
  double normal();
  /// Gamma with this mean and this coefficient of variation (> 0); 1 is the exponential.
  double gamma(double mean, double variation);

 private:
  std::uint64_t state_;
};

}  // namespace baton::sim
