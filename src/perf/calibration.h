#pragma once

#include <cstdint>

#include "perf/replica.h"

namespace baton::perf {

/// What a worker reports of one engine step.
struct StepSample {
  StepRows rows;
  double seconds = 0;
  friend bool operator==(const StepSample&, const StepSample&) = default;
};

/// Fits the four constants of one worker to its measured steps: recursive, decaying, bounded, constant memory. Samples
/// that are not finite, not positive or absurd (over a minute) are dropped. A worker reboot starts a new one.
class Calibrator {
 public:
  explicit Calibrator(Replica prior);
  void observe(const StepSample& sample);
  /// The prior with fitted constants; the prior itself until enough was seen.
  const Replica& replica() const { return current_; }
  /// Mean of |measured / predicted - 1| over recent samples, before each was learned from.
  double error() const { return error_; }
  std::uint64_t samples() const { return samples_; }

 private:
  void refit();

  Replica prior_;
  Replica current_;
  double error_ = 0;
  std::uint64_t samples_ = 0;
  double normal_[4][4] = {};  ///< decayed sums of the least-squares system over (1, compute, memory, per-step) features
  double right_[4] = {};
};

}  // namespace baton::perf
