#include "metrics/instruments.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/check.h"

namespace baton::metrics {

Histogram::Histogram(const Options& options) : bounds_(options.bounds), buckets_(options.bounds->size() + 1) {}

void Histogram::observe(double value) {
  const std::vector<double>& bounds = *bounds_;
  const auto at = std::isnan(value) ? bounds.end() : std::ranges::lower_bound(bounds, value);
  buckets_[static_cast<std::size_t>(at - bounds.begin())].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

std::vector<double> exponential_bounds(double start, double factor, int count) {
  BATON_CHECK(start > 0 && factor > 1 && count >= 0);
  std::vector<double> bounds;
  bounds.reserve(static_cast<std::size_t>(count));
  for (double bound = start; count > 0; --count) bounds.push_back(std::exchange(bound, bound * factor));
  return bounds;
}

std::vector<double> latency_bounds_s() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120};
}

}  // namespace baton::metrics
