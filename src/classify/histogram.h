#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace baton::classify {

/// Token counts fall into bins of one token up to 6, then of a quarter octave (19 %), up to 2^18; longer counts share
/// the last bin. 72 bins of 4 bytes hold any quantile to half a bin, and distributions mix by adding bins.
inline constexpr std::size_t kBins = 72;

/// A distribution over token counts, or the weights of one: bin by bin.
using Mass = std::array<float, kBins>;

/// Bin i holds the whole numbers in [kEdges[i], kEdges[i + 1]).
inline constexpr std::array<std::int32_t, kBins + 1> kEdges = [] {
  std::array<std::int32_t, kBins + 1> edges{};
  double exact = 1.0;
  edges[0] = 1;
  for (std::size_t i = 1; i <= kBins; ++i) {
    exact = exact * 1.189207115002721;  // 2^(1/4)
    const auto rounded = static_cast<std::int32_t>(exact + 0.5);
    edges[i] = rounded > edges[i - 1] ? rounded : edges[i - 1] + 1;
    if (edges[i] > rounded) exact = static_cast<double>(edges[i]);
  }
  return edges;
}();

/// Bin of a count; counts below 1 go to the first bin.
std::size_t bin_of(std::int64_t tokens);

/// What a distribution says about lengths that are cut off at `cap` tokens: each value in [1, cap].
struct Summary {
  double mean = 0, p50 = 0, p90 = 0;
};

/// `mass` sums to 1 (to rounding); cap >= 1. Quantiles are whole numbers: the least count that is not exceeded with
/// that probability, counts spread evenly inside a bin.
Summary summarize(const Mass& mass, std::int64_t cap);

/// Decaying histogram: an observation counts half after `half life` later ones. Old weights are not touched; new ones
/// grow instead. Value type of fixed size.
class DecayingHistogram {
 public:
  /// One observation in `bin`. `growth` = 2^(1 / half life in observations).
  void add(std::size_t bin, float growth);
  /// One observation spread over bins; `share` sums to 1.
  void add(const Mass& share, float growth);

  /// Decayed number of observations.
  double weight() const { return static_cast<double>(total_) / static_cast<double>(unit_); }
  /// Observations ever made (stops at its largest value).
  std::uint32_t count() const { return count_; }
  /// The mixture of this histogram and `other`, which counts as `strength` observations. Sums to 1 if `other` does.
  Mass mixed_with(const Mass& other, double strength) const;

 private:
  void grow(float growth);

  Mass mass_{};
  float total_ = 0.0F;
  float unit_ = 1.0F;  ///< weight of the latest observation
  std::uint32_t count_ = 0;
};

}  // namespace baton::classify
