#pragma once

#include <cstdint>

#include "perf/replica.h"

namespace baton::perf {

/// How many prompt rows a step may take beside decoding sequences to end within a time: learned from the steps of one
/// worker as base + prompt rows × seconds per row. The base holds all but the prompt rows: reading the weights, the
/// decode rows, what a step costs anyhow. A value without a clock: who measures steps reports them.
///
/// Estimates rise quickly and fall slowly, as a step that is too long breaks a promise and one that is too short only
/// costs a little throughput. One step moves them by half at most, so that a hiccup is soon forgotten.
class ChunkPacer {
 public:
  /// A step of these rows took so long. Not a time: ignored.
  void observe(const StepRows& rows, double seconds);
  /// Prompt rows for which a step with decode rows is expected to end within `bound_s`; may be 0. As long as nothing
  /// is known of prompt rows, all there are.
  std::int32_t rows_within(double bound_s) const;

 private:
  double base_s_ = 0, row_s_ = 0;  // 0: not known
};

}  // namespace baton::perf
