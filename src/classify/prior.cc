#include "classify/prior.h"

#include <algorithm>
#include <cmath>

namespace baton::classify {

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
  const auto below = [&](float edge) { return edge * edge / (edge * edge + square); };  // P(length < edge)
  Mass out;
  out[0] = below(static_cast<float>(kEdges[1]));
  for (std::size_t bin = 1; bin < kBins; ++bin) {
    out[bin] = below(static_cast<float>(kEdges[bin + 1])) - below(static_cast<float>(kEdges[bin]));
  }
  out[kBins - 1] += 1 - below(static_cast<float>(kEdges[kBins]));
  return out;
}

}  // namespace baton::classify
