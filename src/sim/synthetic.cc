#include "sim/synthetic.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "core/check.h"
#include "sim/random.h"

namespace baton::sim {

namespace {

enum Purpose : std::uint64_t { kArrivals = 1, kTenants = 2, kLengths = 3 };
constexpr double kLongest = 1'000'000;

std::int32_t as_length(double tokens) { return static_cast<std::int32_t>(std::lround(std::clamp(tokens, 1.0, kLongest))); }

/// Log-normal with the given mean and coefficient of variation, at `z` standard deviations.
double log_normal(double mean, double variation, double z) {
  const double variance = std::log1p(variation * variation);
  return mean * std::exp(std::sqrt(variance) * z - variance / 2);
}

template <class Item>
std::size_t draw(Random& random, const std::vector<Item>& items, double Item::* weight) {
  double total = 0;
  for (const Item& item : items) total += item.*weight;
  double left = random.uniform() * total;
  for (std::size_t i = 0; i + 1 < items.size(); ++i) {
    left -= items[i].*weight;
    if (left < 0) return i;
  }
  return items.size() - 1;
}

/// Log-uniform: the last cell of a long tail is wide, and most of it lies at its lower end.
std::int32_t between(Random& random, std::int32_t low, std::int32_t high) {
  const double ratio = (high + 1.0) / low;
  return std::min(high, static_cast<std::int32_t>(low * std::pow(ratio, random.uniform())));
}

/// Turns gaps of a constant rate into arrivals that follow the hours' shape: time passes faster when more come.
class Shape {
 public:
  explicit Shape(const Synthetic& how) : hours_(how.hours), hour_s_(how.hour_s) {
    if (hours_.empty()) return;
    const double mean = std::accumulate(hours_.begin(), hours_.end(), 0.0) / static_cast<double>(hours_.size());
    for (double& hour : hours_) hour = std::max(hour / mean, 1e-6);
  }
  double advance(double gap_s) {
    if (hours_.empty()) return now_ += gap_s;
    for (;;) {
      const auto stretch = static_cast<std::uint64_t>(now_ / hour_s_);
      const double rate = hours_[stretch % hours_.size()];
      const double end = static_cast<double>(stretch + 1) * hour_s_;
      if (now_ + gap_s / rate <= end) return now_ += gap_s / rate;
      gap_s -= (end - now_) * rate;
      now_ = end;
    }
  }

 private:
  std::vector<double> hours_;
  double hour_s_;
  double now_ = 0;
};

std::vector<std::int32_t> quantile_edges(const Workload& workload, std::int32_t SimRequest::* field, std::int32_t cells) {
  std::vector<std::int32_t> values;
  for (const SimRequest& r : workload.requests) values.push_back(r.*field);
  std::ranges::sort(values);
  std::vector<std::int32_t> edges{values.front()};
  for (std::int32_t i = 1; i < cells; ++i) {
    const std::int32_t edge = values[values.size() * static_cast<std::size_t>(i) / static_cast<std::size_t>(cells)];
    if (edge > edges.back()) edges.push_back(edge);
  }
  edges.push_back(values.back() + 1);
  return edges;
}

}  // namespace

std::vector<LengthCell> joint_histogram(const Workload& workload, std::int32_t cells) {
  if (workload.requests.empty()) return {};
  const auto prompts = quantile_edges(workload, &SimRequest::prompt_tokens, cells);
  const auto outputs = quantile_edges(workload, &SimRequest::output_tokens, cells);
  const auto place = [](const std::vector<std::int32_t>& edges, std::int32_t value) {
    return static_cast<std::size_t>(std::ranges::upper_bound(edges, value) - edges.begin()) - 1;
  };
  std::map<std::pair<std::size_t, std::size_t>, double> counts;
  for (const SimRequest& r : workload.requests) ++counts[{place(prompts, r.prompt_tokens), place(outputs, r.output_tokens)}];
  std::vector<LengthCell> out;
  for (const auto& [at, count] : counts) {
    out.push_back({prompts[at.first], prompts[at.first + 1] - 1, outputs[at.second], outputs[at.second + 1] - 1, count});
  }
  return out;
}

Workload synthesize(const Synthetic& how) {
  BATON_CHECK(how.rate > 0 && !how.tenants.empty());
  Workload out;
  out.requests.reserve(how.count);
  Random arrivals(how.seed, kArrivals);
  Random tenants(how.seed, kTenants);
  Random lengths(how.seed, kLengths);
  Shape shape(how);
  std::vector<std::uint32_t> prefix(how.tenants.size());  // where each tenant's shared hashes are
  out.hash_tokens = 16;
  for (std::size_t t = 0; t < how.tenants.size(); ++t) {
    prefix[t] = static_cast<std::uint32_t>(out.hashes.size());
    const std::int32_t blocks = how.tenants[t].shared_prefix / out.hash_tokens;
    for (std::int32_t b = 0; b < blocks; ++b) {
      out.hashes.push_back(hash_combine(hash_combine(how.seed, t), static_cast<std::uint64_t>(b)));
    }
  }
  for (std::size_t i = 0; i < how.count; ++i) {
    const std::size_t t = draw(tenants, how.tenants, &Tenant::share);
    const Tenant& tenant = how.tenants[t];
    SimRequest request;
    request.arrival = nanos(shape.advance(arrivals.gamma(1.0 / how.rate, how.arrival_variation)));
    request.tenant = static_cast<std::uint32_t>(t) + 1;
    request.max_tokens = tenant.max_tokens;
    const double a = lengths.normal();
    const double b = tenant.correlation * a + std::sqrt(1 - tenant.correlation * tenant.correlation) * lengths.normal();
    if (how.lengths.empty()) {
      request.prompt_tokens = as_length(log_normal(tenant.prompt_mean, tenant.prompt_variation, a));
      request.output_tokens = as_length(log_normal(tenant.output_mean, tenant.output_variation, b));
    } else {
      const LengthCell& cell = how.lengths[draw(lengths, how.lengths, &LengthCell::weight)];
      request.prompt_tokens = between(lengths, cell.prompt_min, cell.prompt_max);
      request.output_tokens = between(lengths, cell.output_min, cell.output_max);
    }
    if (tenant.max_tokens > 0) request.output_tokens = std::min(request.output_tokens, tenant.max_tokens);
    request.first_hash = prefix[t];
    request.hash_count = static_cast<std::uint32_t>(std::min(tenant.shared_prefix, request.prompt_tokens) / out.hash_tokens);
    out.requests.push_back(request);
  }
  return out;
}

}  // namespace baton::sim
