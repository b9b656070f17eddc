#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/float16.h"
#include "kernels/cpu/isa.h"

namespace baton::kernels::testing {

inline std::vector<float> random_floats(std::size_t n, std::uint32_t seed, float scale = 1.0F) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0F, scale);
  std::vector<float> values(n);
  for (float& value : values) value = normal(generator);
  return values;
}

inline std::vector<Bf16> as_bf16(const std::vector<float>& values) {
  std::vector<Bf16> result;
  result.reserve(values.size());
  for (const float value : values) result.push_back(to_bf16(value));
  return result;
}

inline std::vector<float> as_float(const std::vector<Bf16>& values) {
  std::vector<float> result;
  result.reserve(values.size());
  for (const Bf16 value : values) result.push_back(to_float(value));
  return result;
}

/// ‖a − b‖ / ‖b‖; infinite when a has a NaN.
template <class A, class B>
double relative_l2(const std::vector<A>& a, const std::vector<B>& b) {
  double difference = 0.0;
  double norm = 0.0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    if (std::isnan(d)) return std::numeric_limits<double>::infinity();
    difference += d * d;
    norm += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return norm == 0.0 ? std::sqrt(difference) : std::sqrt(difference / norm);
}

template <class T>
bool same_bits(const T* a, const T* b, std::size_t n) {
  return std::memcmp(static_cast<const void*>(a), static_cast<const void*>(b), n * sizeof(T)) == 0;
}

inline std::string isa_label(Isa isa) { return std::string(isa_name(isa)); }

}  // namespace baton::kernels::testing
