#include "cuda/device.h"

#include <dlfcn.h>

#include <bit>
#include <cmath>
#include <random>

namespace baton::cuda_test {

Bf16 to_bf16(double value) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  return static_cast<Bf16>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

double from_bf16(Bf16 bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

std::vector<double> widened(const std::vector<Bf16>& values) {
  std::vector<double> out;
  for (const Bf16 value : values) out.push_back(from_bf16(value));
  return out;
}

std::vector<Bf16> random_bf16(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(-2.0, 2.0);
  std::vector<Bf16> out(count);
  for (Bf16& value : out) value = to_bf16(uniform(random));
  return out;
}

double relative_error(const std::vector<Bf16>& actual, const std::vector<double>& expected) {
  EXPECT_EQ(actual.size(), expected.size());
  double difference = 0.0;
  double size = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double d = from_bf16(actual[i]) - expected[i];
    difference += d * d;
    size += expected[i] * expected[i];
  }
  return std::sqrt(difference / size);
}

void CudaTest::SetUp() {
  void* const library = ::dlopen(BATON_CUDA_PLUGIN, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  ASSERT_NE(library, nullptr) << ::dlerror();
  void* const symbol = ::dlsym(library, kBatonCudaPluginSymbol);
  ASSERT_NE(symbol, nullptr) << ::dlerror();
  plugin_ = reinterpret_cast<BatonCudaPluginFunction*>(symbol)();
  std::int32_t devices = 0;
  const char* const error = plugin_->device_count(&devices);
  if (error != nullptr) GTEST_SKIP() << "no GPU: nothing checked (" << error << ")";
  ASSERT_STREQ(plugin_->stream_create(&stream_), nullptr);
}

void CudaTest::TearDown() {
  for (void* const memory : memory_) EXPECT_STREQ(plugin_->release(memory), nullptr);
  if (stream_ != nullptr) {
    EXPECT_STREQ(plugin_->stream_destroy(stream_), nullptr);
  }
}

void* CudaTest::upload_bytes(const void* values, std::size_t bytes) {
  void* memory = nullptr;
  EXPECT_STREQ(plugin_->allocate(bytes, &memory), nullptr);
  memory_.push_back(memory);
  EXPECT_STREQ(plugin_->copy(memory, values, bytes, stream_), nullptr);
  EXPECT_STREQ(plugin_->stream_synchronize(stream_), nullptr);
  return memory;
}

void CudaTest::download_bytes(void* values, const void* memory, std::size_t bytes) {
  EXPECT_STREQ(plugin_->copy(values, memory, bytes, stream_), nullptr);
  EXPECT_STREQ(plugin_->stream_synchronize(stream_), nullptr);
}

}  // namespace baton::cuda_test
