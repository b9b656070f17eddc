#include "classify/prior.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace baton::classify {
namespace {

constexpr std::array<float, kBins> kUpperSquares = [] {
  std::array<float, kBins> out{};
  for (std::size_t bin = 0; bin < kBins; ++bin) {
    const auto edge = static_cast<float>(kEdges[bin + 1]);
    out[bin] = edge * edge;
  }
  return out;
}();

}  // namespace

double prior_median(const Features& features) {
  double median = features.chat ? 200 : 100;
  if (features.prompt_tokens >= 2048) median /= 2;  // long context is mostly read, not continued
  if (features.has_tools) median = std::min(median, 80.0);
  if (features.constrained) median = std::min(median, 60.0);
  if (features.has_stop) median *= 0.7;
  // Whoever names a limit expects to stay below it.
  if (features.max_tokens_given) median = std::min(median, 0.5 * static_cast<double>(features.max_tokens));
  const TokenRange& named = features.named_output;
  if (named.max > 0 || named.min > 0) {
    const auto low = static_cast<double>(std::max(named.min, 1));
    median = named.max > 0 ? std::sqrt(low * static_cast<double>(std::max(named.max, 1))) : 2 * low;
  }
  return std::max(median, 1.0);
}

Mass prior(const Features& features) {
  const auto median = static_cast<float>(prior_median(features));
  const float square = median * median;
  Mass below;  // P(length < upper edge)
  for (std::size_t bin = 0; bin < kBins; ++bin) below[bin] = kUpperSquares[bin] / (kUpperSquares[bin] + square);
  Mass out = below;
  for (std::size_t bin = 1; bin < kBins; ++bin) out[bin] = below[bin] - below[bin - 1];
  out[kBins - 1] += 1 - below[kBins - 1];
  return out;
}

}  // namespace baton::classify
