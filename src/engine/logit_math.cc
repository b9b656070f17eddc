#include "engine/logit_math.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace baton::engine {

namespace {

constexpr float kMinusInf = -std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();
constexpr std::size_t kLanes = 16;

// e^x = 2^n · e^r with n = round(x / ln 2) and |r| <= ln 2 / 2; the polynomial is Cephes' expf (S. Moshier).
inline float exp_lane(float x) {
  constexpr float kLog2e = 1.44269504088896341F;
  constexpr float kLn2High = 0.693359375F, kLn2Low = -2.12194440e-4F;
  constexpr float kRound = 12582912.0F;  // 1.5 · 2^23: adding it rounds to an integer held in the low mantissa bits
  const float clamped = x < -87.0F ? -87.0F : x;
  const float shifted = clamped * kLog2e + kRound;
  const float n = shifted - kRound;
  const float r = clamped - n * kLn2High - n * kLn2Low;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const std::uint32_t exponent = (std::bit_cast<std::uint32_t>(shifted) + 127U) << 23U;
  const float value = p * std::bit_cast<float>(exponent);
  return x < -87.0F ? 0.0F : value;
}

}  // namespace

float exp_nonpositive(float x) { return exp_lane(x); }

float max_value(std::span<const float> values) {
  std::array<float, kLanes> best;
  best.fill(kMinusInf);
  const std::size_t whole = values.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      best[lane] = values[i + lane] > best[lane] ? values[i + lane] : best[lane];
    }
  }
  float top = kMinusInf;
  for (const float value : best) top = value > top ? value : top;
  for (const float value : values.subspan(whole)) top = value > top ? value : top;
  return top;
}

TokenId argmax(std::span<const float> values) {
  const float top = max_value(values);
  if (top == kMinusInf) return 0;
  std::size_t i = 0;
  while (values[i] != top) ++i;
  return static_cast<TokenId>(i);
}

void copy_clean(std::span<const float> from, std::span<float> to) {
  for (std::size_t i = 0; i < from.size(); ++i) {
    const float value = from[i] == from[i] ? from[i] : kMinusInf;
    to[i] = value > kLargest ? kLargest : value;
  }
}

void exp_weights(std::span<const float> logits, float top, float scale, std::span<float> weights) {
  for (std::size_t i = 0; i < logits.size(); ++i) weights[i] = exp_lane((logits[i] - top) * scale);
}

double sum(std::span<const float> values) {
  std::array<double, kLanes> parts{};
  const std::size_t whole = values.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) parts[lane] += static_cast<double>(values[i + lane]);
  }
  double total = 0;
  for (const double part : parts) total += part;
  for (const float value : values.subspan(whole)) total += static_cast<double>(value);
  return total;
}

double log_sum_exp(std::span<const float> logits, std::span<float> weights) {
  const float top = max_value(logits);
  if (top == kMinusInf) return static_cast<double>(kMinusInf);
  exp_weights(logits, top, 1.0F, weights);
  return static_cast<double>(top) + std::log(sum(weights));
}

}  // namespace baton::engine
