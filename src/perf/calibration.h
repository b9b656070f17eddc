#pragma once

#include <array>
#include <cstdint>

#include "perf/replica.h"

namespace baton::perf {

/// What a worker reports of one engine step.
struct StepSample {
  StepRows rows;
  double seconds = 0;
  friend bool operator==(const StepSample&, const StepSample&) = default;
};

/// Finite, not negative, with at least one row and a time above 0 and up to a minute, within what an engine can hold.
bool plausible(const StepSample& sample);

/// Every number finite and of a size that real models and machines have.
bool plausible(const Replica& replica);

/// What fitted constants are held to. Shares above 1 are allowed because a catalogue entry can be conservative, above
/// all for CPUs whose caches hold a small model.
struct ConstantBounds {
  StepConstants low{.mfu = 0.005, .mbu = 0.005, .t0_s = 1e-6, .t1_s = 1e-8};
  StepConstants high{.mfu = 2.0, .mbu = 2.0, .t0_s = 0.1, .t1_s = 5e-3};
};

/// Fits the constants of one worker to its measured steps: recursive, decaying, bounded, constant memory. Least squares
/// on relative errors that trusts outliers less, drawn towards the prior; fitted are 1/mfu, 1/mbu and the fixed time of
/// a step, whose two parts t0 and t1 no single model can tell apart: they keep the prior's proportion. Samples that are
/// not plausible are dropped. A worker reboot starts a new one. Not thread-safe.
class Calibrator {
 public:
  explicit Calibrator(Replica prior);
  void observe(const StepSample& sample);
  /// The prior with fitted constants; the prior itself until enough was seen.
  const Replica& replica() const { return current_; }
  /// Mean of |measured / predicted - 1| over recent samples, before each was learned from.
  double error() const { return error_; }
  /// Plausible ones.
  std::uint64_t samples() const { return samples_; }

 private:
  static constexpr std::size_t kUnknowns = 3;  ///< fixed, compute, memory: each as a multiple of the prior's
  using Vector = std::array<double, kUnknowns>;

  void learn(const StepSample& sample);
  void solve();
  StepConstants constants_of(const Vector& multiples) const;

  Replica prior_;
  Replica current_;
  Vector low_{}, high_{};  ///< bounds of multiples_
  Vector multiples_{1, 1, 1};
  std::array<Vector, kUnknowns> normal_{};  ///< decayed sums of the normal equations
  Vector right_{};
  double error_ = 0;
  double usual_ = 0;  ///< running size of the fit's errors, outliers clipped
  std::uint64_t samples_ = 0;
};

}  // namespace baton::perf
