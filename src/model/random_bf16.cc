#include "model/random_bf16.h"

#include <bit>
#include <cmath>

#include "core/hash.h"

namespace baton::model {
namespace {

constexpr std::size_t kQuantiles = 65536;

/// Standard normal quantile of p in (0, 1): Acklam's rational approximation in its central region and tails, good to
/// 1e-9, far below bfloat16.
double normal_quantile(double p) {
  constexpr double kSplit = 0.02425;
  const auto tail = [](double q) {
    return (((((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838) * q - 2.549732539343734) *
                 q +
             4.374664141464968) *
                q +
            2.938163982698783) /
           ((((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996) * q + 3.754408661907416) *
                q +
            1.0);
  };
  if (p < kSplit) return tail(std::sqrt(-2.0 * std::log(p)));
  if (p > 1.0 - kSplit) return -tail(std::sqrt(-2.0 * std::log(1.0 - p)));
  const double q = p - 0.5;
  const double r = q * q;
  return (((((-3.969683028665376e+01 * r + 2.209460984245205e+02) * r - 2.759285104469687e+02) * r +
            1.383577518672690e+02) *
               r -
           3.066479806614716e+01) *
              r +
          2.506628277459239) *
         q /
         (((((-5.447609879822406e+01 * r + 1.615858368580409e+02) * r - 1.556989798598866e+02) * r +
            6.680131188771972e+01) *
               r -
           1.328068155288572e+01) *
              r +
          1.0);
}

std::uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

}  // namespace

RandomBf16::RandomBf16(std::uint64_t seed, std::uint64_t stream, Distribution distribution)
    : quantiles_(kQuantiles), key_(hash_combine(mix64(seed), stream)) {
  for (std::size_t i = 0; i < kQuantiles; ++i) {
    const double z = normal_quantile((static_cast<double>(i) + 0.5) / kQuantiles);
    quantiles_[i] = to_bf16(distribution.mean + distribution.deviation * static_cast<float>(z));
  }
}

void RandomBf16::fill(std::span<std::uint16_t> out) {
  const std::uint16_t* quantiles = quantiles_.data();
  for (std::size_t i = 0; i < out.size(); i += 4) {
    const std::uint64_t bits = mix64(key_ + 0x9e3779b97f4a7c15ULL * ++counter_);
    for (std::size_t j = i; j < i + 4 && j < out.size(); ++j) out[j] = quantiles[(bits >> (16 * (j - i))) & 0xFFFF];
  }
}

}  // namespace baton::model
