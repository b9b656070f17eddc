#include "classify/histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace baton::classify {
namespace {

static_assert(kEdges[kBins] > 1 << 17);

/// Mean of the counts of each bin.
constexpr std::array<float, kBins> kMiddles = [] {
  std::array<float, kBins> out{};
  for (std::size_t bin = 0; bin < kBins; ++bin) out[bin] = static_cast<float>(kEdges[bin] + kEdges[bin + 1] - 1) / 2;
  return out;
}();

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
  const std::size_t last = bin_of(cap);
  float below = 0;
  float sum = 0;
  for (std::size_t bin = 0; bin < last; ++bin) {
    below += mass[bin];
    sum += mass[bin] * kMiddles[bin];
  }
  const double cut = static_cast<double>(mass[last]);
  const double above = 1 - static_cast<double>(below) - cut;
  const double mean = static_cast<double>(sum) + cut * capped_mean(last, limit) + above * limit;
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

Mass DecayingHistogram::mixed_with(const Mass& other, double strength) const {
  const double weight = this->weight() + strength;
  const auto own_share = static_cast<float>(1 / (weight * static_cast<double>(unit_)));
  const auto other_share = static_cast<float>(strength / weight);
  Mass out;  // a local one, so that the loop is known to be free of aliases and becomes SIMD
  for (std::size_t bin = 0; bin < kBins; ++bin) out[bin] = other[bin] * other_share + mass_[bin] * own_share;
  return out;
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
