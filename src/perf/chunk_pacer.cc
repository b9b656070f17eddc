#include "perf/chunk_pacer.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace baton::perf {

namespace {

constexpr double kRise = 0.5, kFall = 0.2;
constexpr double kMostRatio = 2;
/// Of the bound; the rest is for what happens between two steps.
constexpr double kAim = 0.95;

/// What to multiply an estimate by when measured / expected is `ratio`.
double correction(double ratio) {
  return ratio > 1 ? 1 + kRise * (std::min(ratio, kMostRatio) - 1) : 1 + kFall * (ratio - 1);
}

}  // namespace

void ChunkPacer::observe(const StepRows& rows, double seconds) {
  if (!(seconds > 0) || !std::isfinite(seconds)) return;
  if (rows.prefill_tokens <= 0) {
    if (rows.batch <= 0) return;
    base_s_ = base_s_ > 0 ? base_s_ * correction(seconds / base_s_) : seconds;
    return;
  }
  if (rows.batch > 0 && row_s_ > 0) {
    // Which part was wrong one such step cannot tell; steps without prompt rows put the base right again.
    const double factor = correction(seconds / (base_s_ + rows.prefill_tokens * row_s_));
    base_s_ *= factor;
    row_s_ *= factor;
    return;
  }
  // The whole step bounds a row's cost from above; without decode rows its base is not the one that counts.
  const double bound = seconds / rows.prefill_tokens;
  row_s_ = row_s_ > 0 ? std::min(row_s_, bound) : bound;
}

std::int32_t ChunkPacer::rows_within(double bound_s) const {
  constexpr double kMost = std::numeric_limits<std::int32_t>::max();
  if (row_s_ <= 0) return std::numeric_limits<std::int32_t>::max();
  return static_cast<std::int32_t>(std::clamp((kAim * bound_s - base_s_) / row_s_, 0.0, kMost));
}

}  // namespace baton::perf
