#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "classify/classifier.h"
#include "classify/length.h"

namespace baton::classify {
namespace {

Features request(std::uint64_t number) {
  Features out;
  out.prompt_tokens = 50 + static_cast<std::int64_t>(mix64(number) % 4000);
  out.max_tokens = 1024;
  out.model = name_hash("model");
  out.tenant = 1 + mix64(number + 1) % 20;
  out.template_prefix = 1 + mix64(number + 2) % 10;
  return out;
}

LengthPredictor trained(std::vector<Features>& asked) {
  LengthPredictor predictor({});
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    asked.push_back(request(i));
    predictor.observe(asked.back(), 0, 1 + static_cast<std::int64_t>(mix64(i + 3) % 500), false);
  }
  asked.resize(4096);
  return predictor;
}

/// Forecast with all five keys known.
void forecast(benchmark::State& state) {
  std::vector<Features> asked;
  const LengthPredictor predictor = trained(asked);
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(predictor.forecast(asked[i++ % asked.size()]));
}
BENCHMARK(forecast);

void observe(benchmark::State& state) {
  std::vector<Features> asked;
  LengthPredictor predictor = trained(asked);
  std::size_t i = 0;
  for (auto _ : state) {
    ++i;
    predictor.observe(asked[i % asked.size()], 0, 100, i % 8 == 0);
  }
}
BENCHMARK(observe);

void classify_by_ranges(benchmark::State& state) {
  std::vector<Features> asked;
  const LengthPredictor predictor = trained(asked);
  const std::vector<ClassConfig> classes = builtin_classes();
  const LengthForecast expected{.mean = 700, .p50 = 600, .p90 = 900, .samples = 0};
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(classify(classes, asked[i++ % asked.size()], expected));
}
BENCHMARK(classify_by_ranges);

}  // namespace
}  // namespace baton::classify

BENCHMARK_MAIN();
