#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "baton/cuda_plugin.h"

namespace baton::cuda_test {

using Bf16 = std::uint16_t;

Bf16 to_bf16(double value);  ///< rounds to nearest, ties to even
double from_bf16(Bf16 bits);
std::vector<double> widened(const std::vector<Bf16>& values);

/// Seeded values, uniform in [-2, 2].
std::vector<Bf16> random_bf16(std::size_t count, std::uint64_t seed);

/// |actual − expected| / |expected| over all elements; NaN when any element is NaN.
double relative_error(const std::vector<Bf16>& actual, const std::vector<double>& expected);

inline constexpr double kBf16Tolerance = 5e-3;

/// Skips the test where there is no device; gives it the plugin and a stream otherwise.
class CudaTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  /// Device memory with a copy of `values`; freed with the test.
  template <class T>
  T* upload(const std::vector<T>& values) {
    return static_cast<T*>(upload_bytes(values.data(), values.size() * sizeof(T)));
  }
  template <class T>
  std::vector<T> download(const T* memory, std::size_t count) {
    std::vector<T> values(count);
    download_bytes(values.data(), memory, count * sizeof(T));
    return values;
  }
  const BatonCudaPlugin& plugin() const { return *plugin_; }
  void* stream() const { return stream_; }

 private:
  void* upload_bytes(const void* values, std::size_t bytes);
  void download_bytes(void* values, const void* memory, std::size_t bytes);

  const BatonCudaPlugin* plugin_ = nullptr;
  void* stream_ = nullptr;
  std::vector<void*> memory_;
};

}  // namespace baton::cuda_test
