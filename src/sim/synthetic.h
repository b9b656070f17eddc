#pragma once

#include <cstdint>
#include <vector>

#include "sim/workload.h"

namespace baton::sim {

/// One kind of client: lengths are log-normal, and correlated within a request.
struct Tenant {
  double share = 1.0;         ///< of the arrivals, relative to the others
  double prompt_mean = 1000, prompt_variation = 1.0;  ///< coefficient of variation; 0: always the mean
  double output_mean = 200, output_variation = 1.0;
  double correlation = 0.0;   ///< of the logarithms of both lengths, -1 to 1
  std::int32_t shared_prefix = 0;  ///< leading prompt tokens that all its requests have in common
  std::int32_t max_tokens = 0;     ///< what it asks for; 0: nothing
};

/// Cells of a joint histogram of prompt and output lengths; drawn by weight, log-uniformly inside.
struct LengthCell {
  std::int32_t prompt_min = 1, prompt_max = 1, output_min = 1, output_max = 1;
  double weight = 1;
};
/// The joint histogram of a trace, `cells` quantile ranges on each axis.
std::vector<LengthCell> joint_histogram(const Workload& workload, std::int32_t cells);

struct Synthetic {
  double rate = 1.0;             ///< requests per second, mean over the run
  double arrival_variation = 1;  ///< of the gaps: 1 is Poisson, more is burstier (Gamma)
  std::size_t count = 1000;
  std::vector<Tenant> tenants = {Tenant{}};
  std::vector<LengthCell> lengths;  ///< if there are any, they replace the tenants' lengths
  std::vector<double> hours;        ///< relative rate of each stretch of the run; empty: constant
  double hour_s = 3600;             ///< length of a stretch; the shape repeats
  std::uint64_t seed = 1;
};
Workload synthesize(const Synthetic& how);

}  // namespace baton::sim
