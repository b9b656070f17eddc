#pragma once

#include <string>
#include <vector>

#include "ctl/sim_options.h"
#include "sim/report.h"

namespace baton::ctl {

/// One policy at one rate, over all seeds.
struct StudyPoint {
  PlacementPolicy policy = PlacementPolicy::least_loaded;
  double rate = 0;                    ///< asked for; 0: as recorded
  std::vector<sim::Report> reports;   ///< by seed
  std::uint64_t events = 0;
  std::vector<std::string> violations;

  double mean(double (*of)(const sim::Report&)) const;
};

struct Study {
  std::vector<StudyPoint> points;     ///< by policy, then by rate
  std::vector<std::string> notes;     ///< skipped rows and the like
  /// With saturate: for each policy the index of the point of its greatest good rate; npos if it has none.
  std::vector<std::size_t> saturated;
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);
};

/// Runs everything the arguments ask for. Errors: what the configuration, a trace or an output file is wrong with.
Result<Study> run_study(const SimArguments& arguments, const Config& config);

}  // namespace baton::ctl
