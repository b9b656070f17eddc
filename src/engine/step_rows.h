#pragma once

#include <span>

#include "engine/runner.h"
#include "perf/replica.h"

namespace baton::engine {

/// The rows of a step as the cost model counts them. One row with logits is a decoding sequence, anything else a piece
/// of a prompt. Several pieces count as one with the same attention work.
perf::StepRows step_rows(std::span<const SequenceRows> sequences);

}  // namespace baton::engine
