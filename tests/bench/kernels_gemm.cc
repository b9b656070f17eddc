// GEMM throughput: bench_kernels_gemm [--benchmark_filter=...]; BATON_CPU_ISA caps the instruction set.
// Weights rotate through several matrices so that decode shapes read memory, not cache.
#include <benchmark/benchmark.h>

#include <memory>
#include <random>
#include <vector>

#include "kernels/cpu/ops.h"

namespace {

using namespace baton;
using namespace baton::kernels;

std::vector<float> random_floats(std::int64_t n) {
  std::mt19937 generator(1);
  std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& value : values) value = uniform(generator);
  return values;
}

/// Arguments: rows, n, k, threads, bytes of an element.
void gemm_shape(benchmark::State& state) {
  const std::int64_t rows = state.range(0);
  const std::int64_t n = state.range(1);
  const std::int64_t k = state.range(2);
  const DType dtype = state.range(4) == 2 ? DType::bf16 : DType::f32;
  CpuDevice device(best_isa(), static_cast<int>(state.range(3)));
  const auto source = random_floats(n * k);
  const std::int64_t copies = rows <= 32 ? 8 : 2;
  std::vector<PackedMatrix> weights;
  for (std::int64_t i = 0; i < copies; ++i) {
    weights.emplace_back(dtype, n, k).set_rows(0, WeightRows{reinterpret_cast<const std::byte*>(source.data()), DType::f32, n}, device.pool());
  }
  const auto x = random_floats(rows * k);
  std::vector<Bf16> x16;
  for (const float value : x) x16.push_back(to_bf16(value));
  Buffer y(static_cast<std::size_t>(rows * n) * sizeof(float));
  GemmArgs args{.x = dtype == DType::f32 ? static_cast<const void*>(x.data()) : x16.data(), .rows = rows, .x_stride = k,
                .y = y.data(), .y_stride = n};
  std::size_t turn = 0;
  for (auto _ : state) gemm(device, weights[turn++ % weights.size()], args);
  const auto iterations = static_cast<double>(state.iterations());
  state.counters["GFLOPS"] = benchmark::Counter(2e-9 * static_cast<double>(rows * n * k) * iterations, benchmark::Counter::kIsRate);
  state.counters["GB/s"] = benchmark::Counter(1e-9 * static_cast<double>(weights[0].bytes()) * iterations, benchmark::Counter::kIsRate);
}

}  // namespace

BENCHMARK(gemm_shape)
    ->ArgNames({"rows", "n", "k", "threads", "bytes"})
    ->Args({512, 4096, 4096, 2, 2})
    ->Args({512, 4096, 4096, 1, 2})
    ->Args({512, 4096, 1024, 2, 2})
    ->Args({512, 1024, 4096, 2, 2})
    ->Args({512, 4096, 4096, 2, 4})
    ->Args({1, 4096, 4096, 2, 2})
    ->Args({8, 4096, 4096, 2, 2})
    ->Args({16, 4096, 4096, 2, 2})
    ->Args({16, 4096, 4096, 1, 2})
    ->Args({32, 4096, 4096, 2, 2})
    ->Args({1, 4096, 4096, 2, 4})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

BENCHMARK_MAIN();
