#pragma once

#include "baton/config.h"
#include "sim/simulation.h"

namespace baton::ctl {

struct SimClusterOptions {
  double nic_gbps = 200;       ///< of each worker, one direction
  double speed_error = 0;      ///< the workers' true constants are off the catalogue's by up to this share
  std::uint64_t seed = 1;      ///< of those errors
};

/// The cluster of a configuration as the simulator needs it, with what its router would believe of it. Errors (config)
/// name the worker: an unknown GPU type or model, a model that does not fit.
Result<sim::SimOptions> simulated_cluster(const Config& config, const SimClusterOptions& options);

}  // namespace baton::ctl
