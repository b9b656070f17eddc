#include "classify/histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace baton::classify {
namespace {

static_assert(kEdges[kBins] > 1 << 17);

/// Mean of the counts of a bin, each cut off at `cap`.
double capped_mean(std::size_t bin, double cap) {
  const double first = kEdges[bin];
  const double last = kEdges[bin + 1] - 1;
  if (last <= cap) return (first + last) / 2;
  if (first >= cap) return cap;
  const double kept = (cap - first + 1) / (last - first + 1);
  return kept * (first + cap) / 2 + (1 - kept) * cap;
}

double quantile(const Mass& mass, float wanted, double cap) {
  float below = 0;
  for (std::size_t bin = 0; bin < kBins; ++bin) {
    if (below + mass[bin] < wanted) {
      below += mass[bin];
      continue;
    }
    const double part = static_cast<double>((wanted - below) / mass[bin]);
    const double width = kEdges[bin + 1] - kEdges[bin];
    return std::min(cap, kEdges[bin] + std::clamp(std::ceil(part * width) - 1, 0.0, width - 1));
  }
  return cap;
}

}  // namespace

std::size_t bin_of(std::int64_t tokens) {
  const auto above = std::ranges::upper_bound(kEdges, tokens) - kEdges.begin();
  return static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(above - 1, 0, static_cast<std::ptrdiff_t>(kBins) - 1));
}

Summary summarize(const Mass& mass, std::int64_t cap) {
  const auto limit = static_cast<double>(cap);
  double mean = 0;
  for (std::size_t bin = 0; bin < kBins; ++bin) mean += static_cast<double>(mass[bin]) * capped_mean(bin, limit);
  return {.mean = std::clamp(mean, 1.0, limit), .p50 = quantile(mass, 0.5F, limit), .p90 = quantile(mass, 0.9F, limit)};
}

void DecayingHistogram::add(std::size_t bin, float growth) {
  grow(growth);
  mass_[bin] += unit_;
}

void DecayingHistogram::add(const Mass& share, float growth) {
  grow(growth);
  for (std::size_t bin = 0; bin < kBins; ++bin) mass_[bin] += share[bin] * unit_;
}

void DecayingHistogram::mix_into(Mass& mass, double strength) const {
  const double weight = this->weight() + strength;
  const auto own = static_cast<float>(1 / (weight * static_cast<double>(unit_)));
  const auto other = static_cast<float>(strength / weight);
  for (std::size_t bin = 0; bin < kBins; ++bin) mass[bin] = mass[bin] * other + mass_[bin] * own;
}

void DecayingHistogram::grow(float growth) {
  constexpr float kLargestUnit = 1 << 16;
  if (unit_ > kLargestUnit) {
    for (float& bin : mass_) bin /= unit_;
    total_ /= unit_;
    unit_ = 1;
  }
  unit_ *= growth;
  total_ += unit_;
  if (count_ < std::numeric_limits<std::uint32_t>::max()) ++count_;
}

}  // namespace baton::classify
