// Whole-model throughput on random weights shaped like a 250M Llama: bench_engine_runner [--benchmark_filter=...].
// BATON_CPU_ISA caps the instruction set; BATON_BENCH_THREADS sets the threads (default 2).
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "engine/cpu_runner.h"
#include "kernels/cpu/buffer.h"
#include "kernels/cpu/float16.h"

namespace {

using namespace baton;

model::ModelDescription llama_250m() {
  model::ModelDescription d;
  d.hidden = 1024;
  d.layers = 16;
  d.heads = 16;
  d.kv_heads = 4;
  d.head_dim = 64;
  d.intermediate = 2816;
  d.vocab = 32000;
  d.max_position = 8192;
  d.dtype = DType::bf16;
  return d;
}

/// All views share one stretch of random bf16 values: shapes matter here, values must only not be zero.
struct RandomModel {
  model::ModelDescription description = llama_250m();
  std::vector<kernels::Bf16> values;
  model::LlamaWeights weights;

  RandomModel() : values(static_cast<std::size_t>(description.vocab) * static_cast<std::size_t>(description.hidden)) {
    std::mt19937 generator(1);
    std::normal_distribution<float> normal(0.0F, 0.03F);
    for (auto& value : values) value = kernels::to_bf16(normal(generator));
    const auto& d = description;
    const std::int64_t q = std::int64_t{d.heads} * d.head_dim;
    const std::int64_t kv = std::int64_t{d.kv_heads} * d.head_dim;
    weights.embed = view({d.vocab, d.hidden});
    weights.lm_head = view({d.vocab, d.hidden});
    weights.final_norm = view({d.hidden});
    weights.layers.resize(static_cast<std::size_t>(d.layers));
    for (auto& layer : weights.layers) {
      layer.input_norm = view({d.hidden});
      layer.post_attention_norm = view({d.hidden});
      layer.q = view({q, d.hidden});
      layer.k = view({kv, d.hidden});
      layer.v = view({kv, d.hidden});
      layer.o = view({d.hidden, q});
      layer.gate = view({d.intermediate, d.hidden});
      layer.up = view({d.intermediate, d.hidden});
      layer.down = view({d.hidden, d.intermediate});
    }
  }

  model::TensorView view(std::vector<std::int64_t> shape) const {
    const std::int64_t n = std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
    return model::TensorView{"random", model::TensorType::bf16, std::move(shape),
                             std::as_bytes(std::span(values).first(static_cast<std::size_t>(n)))};
  }

  /// Bytes of weights one step reads.
  double step_bytes() const {
    const auto& d = description;
    const double layer = static_cast<double>(d.hidden) * (2.0 * d.heads * d.head_dim + 2.0 * d.kv_heads * d.head_dim + 3.0 * d.intermediate);
    return 2.0 * (layer * d.layers + static_cast<double>(d.vocab) * d.hidden);
  }
};

struct Setup {
  RandomModel model;
  std::unique_ptr<engine::ModelRunner> runner;
  kernels::Buffer pool;

  Setup() {
    const char* threads = std::getenv("BATON_BENCH_THREADS");
    engine::CpuOptions options{.threads = threads == nullptr ? 2 : std::atoi(threads)};
    runner = engine::create_cpu_runner(model.description, model.weights, options).value();
    KvLayout layout = runner->kv_layout(16);
    layout.blocks = 1024;
    pool = kernels::Buffer(layout.total_bytes());
    std::memset(pool.data(), 0x3C, pool.size());  // small positive numbers; also takes the page faults now
    runner->attach(KvPoolView{pool.data(), layout});
  }
};

Setup& setup() {
  static Setup instance;
  return instance;
}

/// Arguments: prompt tokens in one step.
void prefill(benchmark::State& state) {
  Setup& s = setup();
  std::vector<TokenId> tokens(static_cast<std::size_t>(state.range(0)));
  std::iota(tokens.begin(), tokens.end(), 1);
  std::vector<BlockId> blocks(tokens.size() / 16 + 1);
  std::iota(blocks.begin(), blocks.end(), 0);
  const std::vector<engine::SequenceRows> batch{{tokens, 0, blocks, true}};
  for (auto _ : state) benchmark::DoNotOptimize(s.runner->step(batch, {}).value().data());
  state.counters["tok/s"] = benchmark::Counter(static_cast<double>(state.iterations() * state.range(0)), benchmark::Counter::kIsRate);
}

/// Arguments: sequences, tokens each already has.
void decode(benchmark::State& state) {
  Setup& s = setup();
  const auto batch_size = static_cast<std::int32_t>(state.range(0));
  const auto context = static_cast<std::int32_t>(state.range(1));
  const std::vector<TokenId> token{42};
  std::vector<std::vector<BlockId>> blocks;
  std::vector<engine::SequenceRows> batch;
  const std::int32_t each = context / 16 + 1;
  for (std::int32_t i = 0; i < batch_size; ++i) {
    blocks.emplace_back(static_cast<std::size_t>(each));
    std::iota(blocks.back().begin(), blocks.back().end(), i * each);
  }
  for (const auto& table : blocks) batch.push_back({token, context, table, true});
  for (auto _ : state) benchmark::DoNotOptimize(s.runner->step(batch, {}).value().data());
  const auto steps = static_cast<double>(state.iterations());
  state.counters["tok/s"] = benchmark::Counter(steps * batch_size, benchmark::Counter::kIsRate);
  state.counters["GB/s"] = benchmark::Counter(1e-9 * steps * s.model.step_bytes(), benchmark::Counter::kIsRate);
}

}  // namespace

BENCHMARK(prefill)->Arg(512)->Arg(128)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(decode)->Args({1, 128})->Args({8, 128})->Args({16, 128})->Args({16, 512})->UseRealTime()->Unit(benchmark::kMillisecond);

BENCHMARK_MAIN();
