#include "engine/logit_math.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace baton::engine {

namespace {

constexpr float kMinusInf = -std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();
constexpr std::size_t kLanes = 16;

// Compilers do not vectorise a select between floats unless traps are ruled out, so the lanes are written out. Width 4
// is what every x86-64 has; wider ones would be split or fused differently from machine to machine.
constexpr std::size_t kWidth = 4;
using Lanes = float __attribute__((vector_size(16)));
using Words = std::uint32_t __attribute__((vector_size(16)));

// e^x = 2^n · e^r with n = round(x / ln 2) and |r| <= ln 2 / 2; the polynomial is Cephes' expf (S. Moshier).
inline Lanes exp_lanes(Lanes x) {
  constexpr float kLeast = -87.0F;
  constexpr float kLog2e = 1.44269504088896341F;
  constexpr float kLn2High = 0.693359375F, kLn2Low = -2.12194440e-4F;
  constexpr float kRound = 12582912.0F;  // 1.5 · 2^23: adding it rounds to an integer held in the low mantissa bits
  const Lanes least = {kLeast, kLeast, kLeast, kLeast};
  const Lanes clamped = x < least ? least : x;
  const Lanes shifted = clamped * kLog2e + kRound;
  const Lanes n = shifted - kRound;
  const Lanes r = clamped - n * kLn2High - n * kLn2Low;
  Lanes p = 1.9875691500e-4F * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const Words exponent = (std::bit_cast<Words>(shifted) + 127U) << 23U;
  const Lanes value = p * std::bit_cast<Lanes>(exponent);
  return x < least ? Lanes{} : value;
}

}  // namespace

float exp_nonpositive(float x) {
  return exp_lanes(Lanes{x})[0];
}

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
  const std::size_t whole = logits.size() / kWidth * kWidth;
  for (std::size_t i = 0; i < whole; i += kWidth) {
    Lanes x;
    std::memcpy(&x, &logits[i], sizeof x);
    x = exp_lanes((x - top) * scale);
    std::memcpy(&weights[i], &x, sizeof x);
  }
  for (std::size_t i = whole; i < logits.size(); ++i) weights[i] = exp_nonpositive((logits[i] - top) * scale);
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

double sum_from(std::span<const float> values, float least) {
  constexpr std::size_t kChunk = 1024;
  std::array<float, kChunk> kept;
  double total = 0;
  for (std::size_t begin = 0; begin < values.size(); begin += kChunk) {
    const auto chunk = values.subspan(begin, std::min(kChunk, values.size() - begin));
    std::ranges::copy(chunk, kept.begin());
    keep_from(std::span(kept).first(chunk.size()), least);
    total += sum(std::span(kept).first(chunk.size()));
  }
  return total;
}

void keep_from(std::span<float> values, float least) {
  const Lanes bound = {least, least, least, least};
  const std::size_t whole = values.size() / kWidth * kWidth;
  for (std::size_t i = 0; i < whole; i += kWidth) {
    Lanes x;
    std::memcpy(&x, &values[i], sizeof x);
    x = x < bound ? Lanes{} : x;
    std::memcpy(&values[i], &x, sizeof x);
  }
  for (float& value : values.subspan(whole)) value = value < least ? 0.0F : value;
}

double log_sum_exp(std::span<const float> logits, std::span<float> weights) {
  const float top = max_value(logits);
  if (top == kMinusInf) return static_cast<double>(kMinusInf);
  exp_weights(logits, top, 1.0F, weights);
  return static_cast<double>(top) + std::log(sum(weights));
}

}  // namespace baton::engine
