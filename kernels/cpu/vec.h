// Short vectors of float32 in the width of the instruction set this file is compiled for. Included only by the
// kernels_*.cc files; everything sits in an unnamed namespace so that code of one instruction set is never linked into another.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/cpu/float16.h"

namespace baton::kernels {
namespace {

#if defined(__AVX512F__)
constexpr int kWidth = 16;
#elif defined(__AVX2__)
constexpr int kWidth = 8;
#else
constexpr int kWidth = 4;
#endif

typedef float Vec __attribute__((vector_size(kWidth * 4)));
typedef std::int32_t IntVec __attribute__((vector_size(kWidth * 4)));
typedef std::uint32_t BitVec __attribute__((vector_size(kWidth * 4)));
typedef std::uint16_t HalfVec __attribute__((vector_size(kWidth * 2)));

inline Vec splat(float value) { return value - Vec{}; }

inline Vec load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline Vec widen(HalfVec half) { return (Vec)(__builtin_convertvector(half, BitVec) << 16); }

inline Vec load(const Bf16* p) {
  HalfVec half;
  std::memcpy(&half, p, sizeof half);
  return widen(half);
}

inline void store(float* p, Vec v) { std::memcpy(p, &v, sizeof v); }

/// Round to nearest even; NaN becomes the quiet NaN, as in to_bf16().
inline HalfVec narrow(Vec v) {
  const BitVec bits = (BitVec)v;
  const BitVec rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  const BitVec safe = v == v ? rounded : BitVec{} + 0x7FC0U;
  return __builtin_convertvector(safe, HalfVec);
}

inline void store(Bf16* p, Vec v) {
  const HalfVec half = narrow(v);
  std::memcpy(static_cast<void*>(p), &half, sizeof half);
}

/// `count` < kWidth elements; the other lanes are zero.
template <class T>
inline Vec load_part(const T* p, std::int64_t count) {
  T padded[kWidth] = {};
  std::memcpy(static_cast<void*>(padded), p, static_cast<std::size_t>(count) * sizeof(T));
  return load(padded);
}

template <class T>
inline void store_part(T* p, Vec v, std::int64_t count) {
  T padded[kWidth];
  store(padded, v);
  std::memcpy(static_cast<void*>(p), padded, static_cast<std::size_t>(count) * sizeof(T));
}

/// Calls body(index, load, store) for whole vectors of [0, n) and then for the rest.
template <class Body>
inline void for_each_vec(std::int64_t n, Body body) {
  std::int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) {
    body(i, [](const auto* p) { return load(p); }, [](auto* p, Vec v) { store(p, v); });
  }
  const std::int64_t rest = n - i;
  if (rest > 0) {
    body(i, [rest](const auto* p) { return load_part(p, rest); },
         [rest](auto* p, Vec v) { store_part(p, v, rest); });
  }
}

inline float sum(Vec v) {
  float lanes[kWidth];
  store(lanes, v);
  for (int step = kWidth / 2; step > 0; step /= 2) {
    for (int i = 0; i < step; ++i) lanes[i] += lanes[i + step];
  }
  return lanes[0];
}

inline Vec max(Vec a, Vec b) { return a > b ? a : b; }

/// e^x to about 2 ulp; 0 below -87.3, e^88 above 88; NaN stays NaN.
inline Vec exp(Vec x) {
  const Vec low = splat(-87.3F);
  const Vec high = splat(88.0F);
  const Vec clamped = x < low ? low : (x > high ? high : x);
  const Vec magic = splat(0x1.8p23F);
  const Vec shifted = clamped * 1.44269504F + magic;
  const Vec n = shifted - magic;
  const Vec r = (clamped - n * 0.693359375F) - n * -2.12194440e-4F;
  Vec p = splat(1.9875691500e-4F);
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  const IntVec exponent = ((IntVec)shifted - (IntVec)magic + 127) << 23;
  const Vec result = p * (Vec)exponent;
  return x < low ? Vec{} : result;
}

}  // namespace
}  // namespace baton::kernels
