#include "ctl/sim_study.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "ctl/sim_cluster.h"
#include "ctl/trace_files.h"

namespace baton::ctl {
namespace {

constexpr std::size_t kDefaultRequests = 2000;
constexpr int kDoublings = 10;
constexpr int kBisections = 6;

/// Everything about a study that does not change from run to run.
struct Setting {
  const SimArguments& arguments;
  sim::SimOptions base;
  std::vector<sim::Workload> traces;
};

sim::Workload workload_of(const Setting& setting, double rate, std::uint64_t seed) {
  const SimArguments& a = setting.arguments;
  if (!a.synthetic.empty()) {
    return sim::synthesize({.rate = rate,
                            .arrival_variation = a.arrival_variation,
                            .count = a.requests > 0 ? a.requests : kDefaultRequests,
                            .tenants = a.synthetic,
                            .lengths = {},
                            .hours = a.hours,
                            .hour_s = a.hour_s,
                            .seed = seed});
  }
  // Traces keep their relative rates and shares of the requests.
  double all_rates = 0;
  for (const sim::Workload& t : setting.traces) all_rates += t.rate();
  sim::Workload mixed;
  for (std::size_t i = 0; i < setting.traces.size(); ++i) {
    const sim::Workload& trace = setting.traces[i];
    const double share = all_rates > 0 ? trace.rate() / all_rates : 1;
    const auto count = static_cast<std::size_t>(std::ceil(share * static_cast<double>(a.requests)));
    // The whole trace is the same for all seeds; a part of it starts elsewhere with each.
    const std::uint64_t start = a.requests > 0 ? hash_combine(seed, i) : 0;
    sim::Workload part = sim::cut(trace, {.count = count, .rate = rate * share, .seed = start});
    for (sim::SimRequest& r : part.requests) r.tenant = static_cast<std::uint32_t>(i) + 1;
    mixed = i == 0 ? std::move(part) : sim::merge(mixed, part);
  }
  return mixed;
}

/// Simulates, and writes the event log if a file is named.
sim::SimResult simulate_recorded(sim::SimOptions options, const sim::Workload& workload, const std::string& path) {
  if (path.empty()) return sim::simulate(options, workload);
  std::ofstream file(path, std::ios::binary);
  options.record = [&file](std::string_view bytes) { file.write(bytes.data(), std::ssize(bytes)); };
  sim::SimResult result = sim::simulate(options, workload);
  file.close();
  if (!file) result.violations.push_back(path + " cannot be written");
  return result;
}

StudyPoint run_point(const Setting& setting, PlacementPolicy policy, double rate) {
  const SimArguments& a = setting.arguments;
  StudyPoint point{.policy = policy, .rate = rate};
  for (std::uint64_t seed = a.seed; seed < a.seed + a.seeds; ++seed) {
    const sim::Workload workload = workload_of(setting, rate, seed);
    sim::SimOptions options = setting.base;
    options.seed = seed;
    options.coordinator.scheduling.policy = policy;
    const auto lost = sim::spot_losses(options.workers, a.spot_losses_per_hour,
                                       workload.requests.empty() ? 0 : workload.requests.back().arrival, seed);
    options.faults.insert(options.faults.end(), lost.begin(), lost.end());
    const sim::SimResult result = simulate_recorded(options, workload, a.log);
    point.events += result.events;
    point.violations.insert(point.violations.end(), result.violations.begin(), result.violations.end());
    point.reports.push_back(sim::report(options, result, a.warm_up));
  }
  return point;
}

bool is_good(const StudyPoint& point, double attainment) {
  return point.mean([](const sim::Report& r) { return r.attainment; }) >= attainment;
}

/// Doubles the rate until the objectives are missed, then halves the interval. Fills in the points visited, by rate.
void find_saturation(const Setting& setting, PlacementPolicy policy, Study& study) {
  const double wanted = setting.arguments.attainment;
  double low = 0, high = 0;
  double rate = setting.arguments.rates.empty() ? 1.0 : setting.arguments.rates.front();
  std::vector<StudyPoint> points;
  const auto visit = [&](double at) {
    points.push_back(run_point(setting, policy, at));
    const bool good = is_good(points.back(), wanted);
    (good ? low : high) = at;
  };
  for (int i = 0; i < kDoublings && (low == 0 || high == 0); ++i) {
    visit(rate);
    rate *= high == 0 ? 2 : 0.5;
  }
  for (int i = 0; i < kBisections && low > 0 && high > 0 && high / low > 1.02; ++i) visit(std::sqrt(low * high));
  std::ranges::sort(points, {}, &StudyPoint::rate);
  std::size_t best = Study::npos;
  for (StudyPoint& point : points) {
    if (low > 0 && point.rate == low) best = study.points.size();
    study.points.push_back(std::move(point));
  }
  study.saturated.push_back(best);
}

}  // namespace

double StudyPoint::mean(double (*of)(const sim::Report&)) const {
  return sim::estimate(reports, sim::Metric{"", of}).mean;
}

Result<Study> run_study(const SimArguments& a, const Config& given) {
  Config config = given;
  if (a.slo.ttft_ms > 0) config.slo.ttft_ms = a.slo.ttft_ms;
  if (a.slo.itl_ms > 0) config.slo.itl_ms = a.slo.itl_ms;
  auto base = simulated_cluster(config, {.nic_gbps = a.nic_gbps, .speed_error = a.speed_error, .seed = a.seed});
  if (!base) return fail(Errc::config, config.source + ": " + base.error().message);
  base->fidelity = a.fidelity;
  base->step_noise = a.step_noise;
  base->faults = a.faults;
  base->knows_lengths = a.lengths == Lengths::oracle;
  base->coordinator.lengths.learn = a.lengths == Lengths::learned;
  for (const sim::Fault& fault : a.faults) {
    if (fault.worker < base->workers.size()) continue;
    return fail(Errc::invalid_request, "--fault: there is no worker " + std::to_string(fault.worker) + ", the last is " +
                                           std::to_string(base->workers.size() - 1));
  }
  Setting setting{a, std::move(*base), {}};
  Study study;
  for (const std::string& path : a.traces) {
    auto trace = load_trace(path, a.bad_rows);
    if (!trace) return std::unexpected(trace.error());
    if (trace->skipped > 0) {
      study.notes.push_back(path + ": " + std::to_string(trace->skipped) + " rows skipped, the first at " + trace->problems.front());
    }
    setting.traces.push_back(std::move(trace->workload));
  }
  const auto policies = a.policies.empty() ? std::vector{config.scheduling.policy} : a.policies;
  for (const PlacementPolicy policy : policies) {
    if (a.saturate) {
      find_saturation(setting, policy, study);
      continue;
    }
    for (const double rate : a.rates.empty() ? std::vector{0.0} : a.rates) {
      study.points.push_back(run_point(setting, policy, rate));
    }
  }
  return study;
}

}  // namespace baton::ctl
