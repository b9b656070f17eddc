// What the engine itself costs: scheduling per step without a model, and sampling per token.
//   cmake --preset release && cmake --build build/release --target bench_engine_step &&
//   build/release/bin/bench_engine_step
#include <benchmark/benchmark.h>

#include <cstddef>
#include <random>
#include <vector>

#include "engine/engine.h"
#include "engine/sampler.h"

namespace baton::engine {
namespace {

/// Returns the same logits at once and touches no KV.
class NoModel final : public ModelRunner {
 public:
  NoModel() : info_{.vocab = 8, .max_context = 1 << 20, .eos_tokens = {}}, logits_(8 * 1024) {}
  const ModelInfo& info() const override { return info_; }
  KvLayout kv_layout(std::int32_t block_tokens) const override {
    return {.layers = 1, .blocks = 0, .kv_heads = 1, .block_tokens = block_tokens, .head_dim = 1, .dtype = DType::bf16};
  }
  void attach(KvPoolView) override {}
  Result<std::span<const float>> step(std::span<const SequenceRows> sequences,
                                      const std::function<void(std::int32_t)>&) override {
    std::size_t wanted = 0;
    for (const SequenceRows& rows : sequences) wanted += 8 * static_cast<std::size_t>(rows.want_logits);
    return std::span<const float>(logits_).first(wanted);
  }

 private:
  ModelInfo info_;
  std::vector<float> logits_;
};

GenerationSpec prompt(std::int32_t tokens, std::int32_t seed) {
  GenerationSpec spec;
  for (std::int32_t i = 0; i < tokens; ++i) spec.tokens.push_back((seed + i) % 8);
  spec.sampling.max_tokens = 1 << 19;
  spec.sampling.temperature = 0;
  return spec;
}

void decode_step(benchmark::State& state) {
  const auto batch = static_cast<std::int32_t>(state.range(0));
  constexpr std::int32_t kBlocks = 1 << 19;
  NoModel runner;
  KvLayout layout = runner.kv_layout(16);
  layout.blocks = kBlocks;
  std::vector<std::byte> memory(layout.total_bytes());
  EngineOptions options{.max_batch = batch, .chunk_tokens = 512, .block_tokens = 16, .blocks = kBlocks};
  const auto engine = std::move(*Engine::create(options, runner, {.base = memory.data(), .layout = layout}));
  for (std::int32_t i = 0; i < batch; ++i) engine->generate(prompt(32, i)).value();
  for (std::int32_t i = 0; i < batch; ++i) engine->step();
  for (auto _ : state) benchmark::DoNotOptimize(engine->step().data());
  state.counters["per_sequence"] =
      benchmark::Counter(batch, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(decode_step)->Arg(1)->Arg(64)->Arg(256)->Iterations(5000);

/// Admission of a prompt whose prefix is cached, with its one step.
void cached_prompt(benchmark::State& state) {
  const auto tokens = static_cast<std::int32_t>(state.range(0));
  NoModel runner;
  KvLayout layout = runner.kv_layout(16);
  layout.blocks = 1 << 14;
  std::vector<std::byte> memory(layout.total_bytes());
  EngineOptions options{.max_batch = 4, .chunk_tokens = 1 << 18, .block_tokens = 16, .blocks = layout.blocks};
  const auto engine = std::move(*Engine::create(options, runner, {.base = memory.data(), .layout = layout}));
  GenerationSpec spec = prompt(tokens, 1);
  spec.sampling.max_tokens = 1;
  for (auto _ : state) {
    engine->generate(spec).value();
    benchmark::DoNotOptimize(engine->step().data());
  }
}
BENCHMARK(cached_prompt)->Arg(1024)->Arg(131072)->Unit(benchmark::kMicrosecond);

void sample_token(benchmark::State& state, SamplingParams params) {
  constexpr std::int32_t kVocab = 128'256;
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.0F, 2.5F);
  std::vector<float> logits(kVocab);
  for (float& x : logits) x = normal(random);
  for (std::size_t i = 0; i < 200; ++i) logits[i * 600] += 9.0F;  // a peaked distribution, as of a real model
  const std::vector<TokenId> tokens(2000, 7);
  Sampler sampler(kVocab, {0});
  for (auto _ : state) {
    ++params.seed;
    benchmark::DoNotOptimize(
        sampler.sample({.logits = logits, .tokens = tokens, .prompt_tokens = 1000, .params = params}).token);
  }
}

SamplingParams with(void (*change)(SamplingParams&)) {
  SamplingParams params;
  change(params);
  return params;
}
BENCHMARK_CAPTURE(sample_token, greedy, with([](SamplingParams& p) { p.temperature = 0; }))
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(sample_token, temperature, with([](SamplingParams&) {}))->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(sample_token, top_p, with([](SamplingParams& p) { p.top_p = 0.95F; }))->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(sample_token, top_k_50, with([](SamplingParams& p) { p.top_k = 50; }))->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(sample_token, top_k_50_top_p, with([](SamplingParams& p) { p.top_k = 50, p.top_p = 0.9F; }))
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(sample_token, top_p_flat, with([](SamplingParams& p) { p.top_p = 0.95F, p.temperature = 50; }))
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(sample_token, penalties, with([](SamplingParams& p) { p.repetition_penalty = 1.1F; }))
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(sample_token, logprobs_20, with([](SamplingParams& p) { p.logprobs = 20; }))
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace baton::engine

BENCHMARK_MAIN();
