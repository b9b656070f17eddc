#include "sim/report.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "perf/cost_model.h"

namespace baton::sim {

namespace {

double at(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) return 0;
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

Percentiles percentiles(std::vector<double> values) {
  std::ranges::sort(values);
  double sum = 0;
  for (const double v : values) sum += v;
  return {at(values, 0.5), at(values, 0.9), at(values, 0.99),
          values.empty() ? 0 : sum / static_cast<double>(values.size())};
}

Percentiles percentiles(const Histogram& h) { return {h.quantile(0.5), h.quantile(0.9), h.quantile(0.99), 0}; }

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

/// What is gathered of one class, or of all.
struct Gathered {
  std::vector<double> ttft, itl, e2e;
  double requests = 0, finished = 0, good = 0, good_ttft = 0, good_itl = 0;

  void add(const RequestOutcome& r, const SloConfig& slo) {
    ++requests;
    if (r.first >= 0) ttft.push_back(seconds(r.first - r.arrival));
    if (r.tokens > 1) itl.push_back(r.itl_s());
    if (r.end != RequestOutcome::End::finished) return;
    ++finished;
    e2e.push_back(seconds(r.ended - r.arrival));
    const bool fast = slo.ttft_ms <= 0 || seconds(r.first - r.arrival) * 1e3 <= slo.ttft_ms;
    const bool smooth = slo.itl_ms <= 0 || r.itl_s() * 1e3 <= slo.itl_ms;
    good_ttft += fast ? 1 : 0;
    good_itl += smooth ? 1 : 0;
    good += fast && smooth ? 1 : 0;
  }
};

std::string_view role_name(Role role) {
  return role == Role::prefill ? "prefill" : role == Role::decode ? "decode" : "both";
}

void add_workers(Report& out, const SimOptions& options, const SimResult& result) {
  double busy = 0, prefill = 0, alive = 0, dollars = 0, cached = 0, computed = 0;
  for (std::size_t i = 0; i < options.workers.size(); ++i) {
    const WorkerSpec& spec = options.workers[i];
    const WorkerStats& stats = result.workers[i];
    const double there = seconds(result.alive[i]);
    out.workers.push_back({.name = spec.info.name,
                           .gpu = std::to_string(spec.gpus) + " x " + spec.gpu,
                           .role = std::string(role_name(spec.info.role)),
                           .utilisation = share(seconds(stats.busy), there),
                           .prefill_share = share(seconds(stats.prefill), seconds(stats.busy)),
                           .prefill_tokens = stats.prefill_tokens,
                           .decode_tokens = stats.decode_tokens,
                           .cached_tokens = stats.cached_tokens,
                           .preemptions = stats.preemptions});
    busy += seconds(stats.busy);
    prefill += seconds(stats.prefill);
    alive += there;
    dollars += spec.truth.dollars_per_hour * share(there, seconds(result.end));
    cached += static_cast<double>(stats.cached_tokens);
    computed += static_cast<double>(stats.prefill_tokens);
    out.preemptions += static_cast<double>(stats.preemptions);
  }
  out.utilisation = share(busy, alive);
  out.prefill_share = share(prefill, busy);
  out.dollars_per_hour = dollars;
  out.cached_share = share(cached, cached + computed);
}

}  // namespace

Report report(const SimOptions& options, const SimResult& result, double warm_up) {
  Report out;
  if (result.requests.empty()) return out;
  std::vector<Gathered> classes(result.classes.size());
  Gathered all, promised;
  const auto skip = static_cast<std::size_t>(warm_up * static_cast<double>(result.requests.size()));
  double input = 0, output = 0;
  for (std::size_t i = 0; i < result.requests.size(); ++i) {
    const RequestOutcome& r = result.requests[i];
    output += r.tokens;
    out.finished += r.end == RequestOutcome::End::finished ? 1 : 0;
    out.failed += r.end == RequestOutcome::End::failed ? 1 : 0;
    if (r.first >= 0) input += r.prompt;
    if (i < skip) continue;
    const auto index = static_cast<std::size_t>(r.class_index);
    const SloConfig& slo = result.classes[index].slo;
    classes[index].add(r, slo);
    all.add(r, slo);
    if (slo.ttft_ms > 0 || slo.itl_ms > 0) promised.add(r, slo);
  }
  const double arrivals_s = seconds(result.requests.back().arrival - result.requests.front().arrival);
  out.rate = share(static_cast<double>(result.requests.size() - 1), arrivals_s);
  out.seconds = seconds(result.end - result.requests.front().arrival);
  out.input_tokens_per_s = share(input, out.seconds);
  out.output_tokens_per_s = share(output, out.seconds);
  out.attainment = share(promised.good, promised.requests);
  out.goodput = out.rate * out.attainment;
  out.ttft = percentiles(std::move(all.ttft));
  out.itl = percentiles(std::move(all.itl));
  out.e2e = percentiles(std::move(all.e2e));
  Histogram gaps;
  for (const Histogram& h : result.gaps) gaps.add(h);
  out.gap = percentiles(gaps);
  add_workers(out, options, result);
  out.dollars_per_million = perf::dollars_per_million(out.dollars_per_hour, out.output_tokens_per_s);
  out.goodput_per_dollar = share(out.goodput * 3600, out.dollars_per_hour);
  out.kv_gigabytes = result.kv_bytes / 1e9;
  out.peak_queue = result.peak_queue;
  out.retries = static_cast<double>(result.coordinator.retries + result.coordinator.replays);
  for (std::size_t c = 0; c < classes.size(); ++c) {
    Gathered& g = classes[c];
    if (g.requests == 0) continue;
    out.classes.push_back({.name = result.classes[c].name,
                           .slo = result.classes[c].slo,
                           .requests = static_cast<std::uint64_t>(g.requests),
                           .finished = static_cast<std::uint64_t>(g.finished),
                           .ttft = percentiles(std::move(g.ttft)),
                           .itl = percentiles(std::move(g.itl)),
                           .e2e = percentiles(std::move(g.e2e)),
                           .gap = percentiles(result.gaps[c]),
                           .attainment = g.good / g.requests,
                           .ttft_attainment = g.good_ttft / g.requests,
                           .itl_attainment = g.good_itl / g.requests});
  }
  return out;
}

std::span<const Metric> metrics() {
  static constexpr std::array kMetrics{
      Metric{"rate", [](const Report& r) { return r.rate; }},
      Metric{"attainment", [](const Report& r) { return r.attainment; }},
      Metric{"goodput", [](const Report& r) { return r.goodput; }},
      Metric{"goodput_per_dollar", [](const Report& r) { return r.goodput_per_dollar; }},
      Metric{"dollars_per_million", [](const Report& r) { return r.dollars_per_million; }},
      Metric{"ttft_p50_ms", [](const Report& r) { return r.ttft.p50 * 1e3; }},
      Metric{"ttft_p90_ms", [](const Report& r) { return r.ttft.p90 * 1e3; }},
      Metric{"ttft_p99_ms", [](const Report& r) { return r.ttft.p99 * 1e3; }},
      Metric{"itl_p50_ms", [](const Report& r) { return r.itl.p50 * 1e3; }},
      Metric{"itl_p90_ms", [](const Report& r) { return r.itl.p90 * 1e3; }},
      Metric{"itl_p99_ms", [](const Report& r) { return r.itl.p99 * 1e3; }},
      Metric{"gap_p99_ms", [](const Report& r) { return r.gap.p99 * 1e3; }},
      Metric{"e2e_p50_ms", [](const Report& r) { return r.e2e.p50 * 1e3; }},
      Metric{"e2e_p90_ms", [](const Report& r) { return r.e2e.p90 * 1e3; }},
      Metric{"e2e_p99_ms", [](const Report& r) { return r.e2e.p99 * 1e3; }},
      Metric{"output_tokens_per_s", [](const Report& r) { return r.output_tokens_per_s; }},
      Metric{"utilisation", [](const Report& r) { return r.utilisation; }},
      Metric{"prefill_share", [](const Report& r) { return r.prefill_share; }},
      Metric{"cached_share", [](const Report& r) { return r.cached_share; }},
      Metric{"kv_gigabytes", [](const Report& r) { return r.kv_gigabytes; }},
      Metric{"preemptions", [](const Report& r) { return r.preemptions; }},
      Metric{"peak_queue", [](const Report& r) { return r.peak_queue; }},
      Metric{"retries", [](const Report& r) { return r.retries; }},
      Metric{"failed", [](const Report& r) { return r.failed; }},
      Metric{"dollars_per_hour", [](const Report& r) { return r.dollars_per_hour; }},
  };
  return kMetrics;
}

Estimate estimate(std::span<const double> values) {
  // Two-sided 95 % quantiles of Student's t for 1, 2, … degrees of freedom.
  constexpr std::array kStudent{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086};
  if (values.empty()) return {};
  const auto n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double v : values) sum += v;
  for (const double v : values) squares += (v - sum / n) * (v - sum / n);
  if (values.size() == 1) return {sum, 0};
  const double t = values.size() - 2 < kStudent.size() ? kStudent[values.size() - 2] : 1.96;
  return {sum / n, t * std::sqrt(squares / (n - 1) / n)};
}

Estimate estimate(std::span<const Report> reports, const Metric& metric) {
  std::vector<double> values;
  for (const Report& r : reports) values.push_back(metric.of(r));
  return estimate(values);
}

}  // namespace baton::sim
