#pragma once

#include <string>
#include <vector>

#include "baton/config.h"
#include "baton/error.h"
#include "ctl/command.h"
#include "sim/simulation.h"
#include "sim/synthetic.h"
#include "sim/trace.h"

namespace baton::ctl {

/// What the Coordinator is told of output lengths.
enum class Lengths : std::uint8_t { learned, prior, oracle };

/// The command line of `batonctl sim`.
struct SimArguments {
  std::string config;
  std::vector<std::string> traces;         ///< several are mixed; each is a tenant of its own
  std::vector<sim::Tenant> synthetic;
  double arrival_variation = 1;
  std::vector<double> hours;
  double hour_s = 3600;
  std::vector<double> rates;               ///< empty: as recorded
  std::size_t requests = 0;                ///< 0: the whole trace, or 2000 synthetic ones
  std::vector<PlacementPolicy> policies;   ///< empty: the configuration's
  std::uint64_t seed = 1;
  std::size_t seeds = 1;
  bool saturate = false;                   ///< search for the greatest rate at `attainment`
  double attainment = 0.9;
  SloConfig slo;                           ///< replaces the configuration's where set
  Lengths lengths = Lengths::learned;
  sim::Fidelity fidelity = sim::Fidelity::batch;
  sim::BadRows bad_rows = sim::BadRows::stop;
  double nic_gbps = 200;
  double step_noise = 0, speed_error = 0;
  double warm_up = 0.1;
  std::vector<sim::Fault> faults;
  double spot_losses_per_hour = 0;
  std::string json, html, log;             ///< files to write; empty: none; json "-": instead of the table
};

/// Errors (invalid_request) name the option and what it takes.
Result<SimArguments> parse_sim_arguments(Arguments arguments);
std::string_view sim_usage();

/// Of names as in the configuration; nothing if there is no such policy.
std::optional<PlacementPolicy> policy_of(std::string_view name);
std::string_view policy_name(PlacementPolicy policy);

}  // namespace baton::ctl
