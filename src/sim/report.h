#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/simulation.h"

namespace baton::sim {

/// Seconds.
struct Percentiles {
  double p50 = 0, p90 = 0, p99 = 0, mean = 0;
};

struct ClassReport {
  std::string name;
  SloConfig slo;
  std::uint64_t requests = 0, finished = 0;
  Percentiles ttft, itl, e2e;
  Percentiles gap;          ///< single gaps between tokens; all zero in the fluid fidelity
  double attainment = 0;    ///< share of the requests that met both objectives
  double ttft_attainment = 0, itl_attainment = 0;
};

struct WorkerReport {
  std::string name, gpu, role;
  double utilisation = 0;   ///< share of its time spent in steps
  double prefill_share = 0; ///< of that, for prompts
  std::uint64_t prefill_tokens = 0, decode_tokens = 0, cached_tokens = 0, preemptions = 0;
};

/// One run in numbers. itl is a request's mean time between tokens; objectives are judged by it, failures miss both.
struct Report {
  double rate = 0;               ///< requests per second that arrived
  double seconds = 0;            ///< from the first arrival to the last end
  double finished = 0, failed = 0;
  double output_tokens_per_s = 0, input_tokens_per_s = 0;
  double attainment = 0;         ///< of requests whose class promises something
  double goodput = 0;            ///< requests per second that met both objectives
  double dollars_per_hour = 0;
  double dollars_per_million = 0;  ///< output tokens
  double goodput_per_dollar = 0;   ///< requests that met both objectives per dollar
  double utilisation = 0, prefill_share = 0;
  double kv_gigabytes = 0, preemptions = 0, peak_queue = 0, cached_share = 0, retries = 0;
  Percentiles ttft, itl, gap, e2e;
  std::vector<ClassReport> classes;
  std::vector<WorkerReport> workers;
};

/// `warm_up`: share of the requests, the first ones, that percentiles and attainment leave out.
Report report(const SimOptions& options, const SimResult& result, double warm_up);

/// A figure of a report that can be averaged over seeds.
struct Metric {
  std::string_view name;
  double (*of)(const Report&);
};
std::span<const Metric> metrics();

/// Mean over the runs and the half-width of its 95 % confidence interval (Student's t; 0 for a single run).
struct Estimate {
  double mean = 0, half_width = 0;
};
Estimate estimate(std::span<const double> values);
Estimate estimate(std::span<const Report> reports, const Metric& metric);

}  // namespace baton::sim
