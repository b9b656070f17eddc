#pragma once

#include <functional>
#include <memory>

#include "baton/config.h"
#include "baton/error.h"
#include "core/clock.h"
#include "engine/runner.h"
#include "engine/simulated_model.h"
#include "perf/replica.h"

namespace baton::engine {

/// Where a simulated runner's time passes.
struct SimulatedTime {
  std::function<TimePoint()> now;
  std::function<void(TimePoint)> sleep_until;
};
SimulatedTime wall_time();

/// A model without weights: a step lasts what the cost model says of `replica`, times `time_scale`, and costs next to
/// no CPU. Back-to-back steps keep the pace whatever the engine itself takes between them.
///
/// The next token is a hash of all tokens before it, and the end token comes with probability 1 / output_tokens,
/// decided by that hash too. The hash travels in the KV, one value per token and layer, so KV that was lost, damaged or
/// swapped changes every later token or, where layers disagree, fails the step: split = local = replay is as real here
/// as with weights.
std::unique_ptr<ModelRunner> create_simulated_runner(const SimulatedModel& model, const perf::Replica& replica,
                                                     const SimulationConfig& config, SimulatedTime time = wall_time());

}  // namespace baton::engine
