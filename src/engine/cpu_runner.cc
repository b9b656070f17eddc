#include "engine/cpu_runner.h"

#include <algorithm>
#include <string>
#include <thread>

#include "core/check.h"
#include "engine/graph.h"
#include "model/checkpoint.h"

namespace baton::engine {
namespace {

class CpuRunner final : public ModelRunner {
 public:
  CpuRunner(const model::ModelDescription& description, const model::LlamaWeights& weights, const CpuOptions& options,
            DType dtype)
      : info_{description.vocab, description.max_position, description.eos},
        layout_{.layers = description.layers, .kv_heads = description.kv_heads, .head_dim = description.head_dim,
                .dtype = options.kv_dtype.value_or(dtype)},
        device_(options.isa.value_or(kernels::best_isa()), options.threads),
        graph_(description, pack_weights(description, weights, dtype, device_.pool()), device_) {}

  const ModelInfo& info() const override { return info_; }

  KvLayout kv_layout(std::int32_t block_tokens) const override {
    KvLayout layout = layout_;
    layout.block_tokens = block_tokens;
    return layout;
  }

  void attach(KvPoolView pool) override {
    KvLayout expected = kv_layout(pool.layout.block_tokens);
    expected.blocks = pool.layout.blocks;
    BATON_CHECK(pool.layout == expected);
    pool_ = pool;
  }

  Result<std::span<const float>> step(std::span<const SequenceRows> sequences,
                                      const std::function<void(std::int32_t)>& layer_done) override {
    BATON_CHECK(pool_.base != nullptr);
    for (const SequenceRows& sequence : sequences) {
      if (auto valid = check(sequence); !valid) return std::unexpected(std::move(valid.error()));
    }
    return graph_.step(pool_, sequences, layer_done);
  }

 private:
  Result<void> check(const SequenceRows& sequence) const {
    const auto end = std::int64_t{sequence.start} + static_cast<std::int64_t>(sequence.tokens.size());
    BATON_CHECK(sequence.start >= 0 && sequence.want_logits >= 0 && sequence.want_logits <= std::ssize(sequence.tokens));
    BATON_CHECK(static_cast<std::int64_t>(sequence.blocks.size()) * pool_.layout.block_tokens >= end);
    if (end > info_.max_context) {
      return fail(Errc::context_length_exceeded,
                  "position " + std::to_string(end - 1) + " is beyond the model's context of " +
                      std::to_string(info_.max_context) + " tokens");
    }
    for (const TokenId token : sequence.tokens) {
      if (token < 0 || token >= info_.vocab) {
        return fail(Errc::invalid_request, "token id " + std::to_string(token) + " is outside the vocabulary of " + std::to_string(info_.vocab));
      }
    }
    for (const BlockId block : sequence.blocks) BATON_CHECK(block >= 0 && block < pool_.layout.blocks);
    return {};
  }

  ModelInfo info_;
  KvLayout layout_;
  kernels::CpuDevice device_;
  Graph graph_;
  KvPoolView pool_;
};

bool computable(DType dtype) { return dtype == DType::f32 || dtype == DType::bf16; }

}  // namespace

Result<std::unique_ptr<ModelRunner>> create_cpu_runner(const model::ModelDescription& description,
                                                       const model::LlamaWeights& weights, const CpuOptions& options) {
  const DType dtype = options.dtype.value_or(description.dtype == DType::bf16 ? DType::bf16 : DType::f32);
  if (!computable(dtype)) {
    return fail(Errc::unsupported_parameter, "dtype: the CPU engine computes in float32 or bfloat16; set one of them, or auto");
  }
  if (!computable(options.kv_dtype.value_or(dtype))) {
    return fail(Errc::unsupported_parameter, "kv_dtype: the CPU engine keeps KV in float32 or bfloat16; set one of them, or auto");
  }
  if (options.isa && !kernels::isa_supported(*options.isa)) {
    return fail(Errc::unsupported_parameter, "this processor cannot run " + std::string(kernels::isa_name(*options.isa)) + " code");
  }
  CpuOptions resolved = options;
  if (resolved.threads <= 0) resolved.threads = static_cast<std::int32_t>(std::max(1U, std::thread::hardware_concurrency()));
  return std::make_unique<CpuRunner>(description, weights, resolved, dtype);
}

Result<std::unique_ptr<ModelRunner>> load_cpu_runner(const std::filesystem::path& directory, const CpuOptions& options) {
  const auto description = model::load_description(directory);
  if (!description) return std::unexpected(description.error());
  const auto checkpoint = model::Checkpoint::open(directory);
  if (!checkpoint) return std::unexpected(checkpoint.error());
  const auto weights = model::load_weights(*description, *checkpoint);
  if (!weights) return std::unexpected(weights.error());
  checkpoint->will_need();
  auto runner = create_cpu_runner(*description, *weights, options);
  checkpoint->dont_need();
  return runner;
}

}  // namespace baton::engine
