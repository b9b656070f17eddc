#include "model/make_model.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "core/hash.h"
#include "model/random_bf16.h"
#include "model/safetensors_writer.h"
#include "model/synthetic_tokenizer.h"

namespace baton::model {
namespace {

namespace fs = std::filesystem;

constexpr RopeScaling kLlama32Rope{RopeScalingKind::llama3, 32.0, 1.0, 4.0, 8192};
constexpr RopeScaling kLlama31Rope{RopeScalingKind::llama3, 8.0, 1.0, 4.0, 8192};

/// Shapes of the Llama family, and two of our own for tests and benchmarks.
std::vector<ModelPreset> llama_presets() {
  using enum Architecture;
  return {
      ModelPreset{"tiny",
                  {.architecture = llama,
                   .hidden = 128,
                   .layers = 2,
                   .heads = 4,
                   .kv_heads = 2,
                   .head_dim = 32,
                   .intermediate = 256,
                   .vocab = 512,
                   .max_position = 2048,
                   .rms_eps = 1e-5,
                   .rope_theta = 1e4,
                   .tie_word_embeddings = true}},
      ModelPreset{"llama-250m",
                  {.architecture = llama,
                   .hidden = 1024,
                   .layers = 18,
                   .heads = 16,
                   .kv_heads = 8,
                   .head_dim = 64,
                   .intermediate = 2816,
                   .vocab = 32000,
                   .max_position = 32768,
                   .rms_eps = 1e-5,
                   .rope_theta = 5e5,
                   .tie_word_embeddings = true}},
      ModelPreset{"llama-3.2-1b",
                  {.architecture = llama,
                   .hidden = 2048,
                   .layers = 16,
                   .heads = 32,
                   .kv_heads = 8,
                   .head_dim = 64,
                   .intermediate = 8192,
                   .vocab = 128256,
                   .max_position = 131072,
                   .rms_eps = 1e-5,
                   .rope_theta = 5e5,
                   .rope_scaling = kLlama32Rope,
                   .tie_word_embeddings = true}},
      ModelPreset{"llama-3.1-8b",
                  {.architecture = llama,
                   .hidden = 4096,
                   .layers = 32,
                   .heads = 32,
                   .kv_heads = 8,
                   .head_dim = 128,
                   .intermediate = 14336,
                   .vocab = 128256,
                   .max_position = 131072,
                   .rms_eps = 1e-5,
                   .rope_theta = 5e5,
                   .rope_scaling = kLlama31Rope}},
  };
}

/// Qwen and Mistral.
std::vector<ModelPreset> other_presets() {
  using enum Architecture;
  return {
      ModelPreset{"qwen2.5-0.5b",
                  {.architecture = qwen2,
                   .hidden = 896,
                   .layers = 24,
                   .heads = 14,
                   .kv_heads = 2,
                   .head_dim = 64,
                   .intermediate = 4864,
                   .vocab = 151936,
                   .max_position = 32768,
                   .rms_eps = 1e-6,
                   .rope_theta = 1e6,
                   .qkv_bias = true,
                   .tie_word_embeddings = true}},
      ModelPreset{"qwen3-0.6b",
                  {.architecture = qwen3,
                   .hidden = 1024,
                   .layers = 28,
                   .heads = 16,
                   .kv_heads = 8,
                   .head_dim = 128,
                   .intermediate = 3072,
                   .vocab = 151936,
                   .max_position = 40960,
                   .rms_eps = 1e-6,
                   .rope_theta = 1e6,
                   .qk_norm = true,
                   .tie_word_embeddings = true}},
      ModelPreset{"mistral-7b",
                  {.architecture = mistral,
                   .hidden = 4096,
                   .layers = 32,
                   .heads = 32,
                   .kv_heads = 8,
                   .head_dim = 128,
                   .intermediate = 14336,
                   .vocab = 32768,
                   .max_position = 32768,
                   .rms_eps = 1e-5,
                   .rope_theta = 1e6}},
  };
}

const std::vector<ModelPreset>& presets() {
  static const std::vector<ModelPreset> table = [] {
    auto all = llama_presets();
    std::ranges::move(other_presets(), std::back_inserter(all));
    return all;
  }();
  return table;
}

/// A tensor with the distribution its weights are drawn from.
struct PlannedTensor {
  TensorSpec spec;
  RandomBf16::Distribution distribution;
};

/// 1/sqrt(fan_in), so that activations keep their size; the two matrices that write to the residual stream less.
class Planner {
 public:
  explicit Planner(const ModelDescription& d) : d_(d) {}

  std::vector<PlannedTensor> plan() && {
    matrix("model.embed_tokens.weight", d_.vocab, d_.hidden, 1.0 / std::sqrt(d_.hidden));
    for (std::int32_t layer = 0; layer < d_.layers; ++layer) plan_layer("model.layers." + std::to_string(layer) + ".");
    vector("model.norm.weight", d_.hidden, {1.0F, 0.05F});
    if (!d_.tie_word_embeddings) matrix("lm_head.weight", d_.vocab, d_.hidden, 1.0 / std::sqrt(d_.hidden));
    return std::move(tensors_);
  }

 private:
  void matrix(const std::string& name, std::int64_t rows, std::int64_t columns, double deviation) {
    tensors_.push_back({{name, TensorType::bf16, {rows, columns}}, {0.0F, static_cast<float>(deviation)}});
  }
  void vector(const std::string& name, std::int64_t size, RandomBf16::Distribution distribution) {
    tensors_.push_back({{name, TensorType::bf16, {size}}, distribution});
  }

  void plan_layer(const std::string& p) {
    const std::int64_t q_rows = static_cast<std::int64_t>(d_.heads) * d_.head_dim;
    const std::int64_t kv_rows = static_cast<std::int64_t>(d_.kv_heads) * d_.head_dim;
    const double in = 1.0 / std::sqrt(d_.hidden);
    const double residual = 1.0 / std::sqrt(2.0 * d_.layers);
    vector(p + "input_layernorm.weight", d_.hidden, {1.0F, 0.05F});
    matrix(p + "self_attn.q_proj.weight", q_rows, d_.hidden, in);
    matrix(p + "self_attn.k_proj.weight", kv_rows, d_.hidden, in);
    matrix(p + "self_attn.v_proj.weight", kv_rows, d_.hidden, in);
    if (d_.qkv_bias) {
      vector(p + "self_attn.q_proj.bias", q_rows, {0.0F, 0.1F});
      vector(p + "self_attn.k_proj.bias", kv_rows, {0.0F, 0.1F});
      vector(p + "self_attn.v_proj.bias", kv_rows, {0.0F, 0.1F});
    }
    if (d_.qk_norm) {
      vector(p + "self_attn.q_norm.weight", d_.head_dim, {1.0F, 0.05F});
      vector(p + "self_attn.k_norm.weight", d_.head_dim, {1.0F, 0.05F});
    }
    matrix(p + "self_attn.o_proj.weight", d_.hidden, q_rows, residual / std::sqrt(static_cast<double>(q_rows)));
    vector(p + "post_attention_layernorm.weight", d_.hidden, {1.0F, 0.05F});
    matrix(p + "mlp.gate_proj.weight", d_.intermediate, d_.hidden, in);
    matrix(p + "mlp.up_proj.weight", d_.intermediate, d_.hidden, in);
    matrix(p + "mlp.down_proj.weight", d_.hidden, d_.intermediate, residual / std::sqrt(d_.intermediate));
  }

  const ModelDescription& d_;
  std::vector<PlannedTensor> tensors_;
};

using Shard = std::vector<PlannedTensor>;

std::vector<Shard> split_into_shards(std::vector<PlannedTensor> tensors, std::uint64_t shard_bytes) {
  std::vector<Shard> shards(1);
  std::uint64_t size = 0;
  for (PlannedTensor& tensor : tensors) {
    if (!shards.back().empty() && size + tensor.spec.bytes() > shard_bytes) {
      shards.emplace_back();
      size = 0;
    }
    size += tensor.spec.bytes();
    shards.back().push_back(std::move(tensor));
  }
  return shards;
}

Result<void> write_shard(const fs::path& path, const Shard& shard, std::uint64_t seed) {
  std::vector<TensorSpec> specs;
  for (const PlannedTensor& tensor : shard) specs.push_back(tensor.spec);
  Result<SafetensorsWriter> writer = SafetensorsWriter::create(path, specs);
  if (!writer) return std::unexpected(writer.error());
  std::vector<std::uint16_t> buffer(1 << 20);
  for (const PlannedTensor& tensor : shard) {
    const std::span name(tensor.spec.name.data(), tensor.spec.name.size());
    RandomBf16 random(seed, hash_bytes(std::as_bytes(name)), tensor.distribution);
    for (std::uint64_t left = tensor.spec.bytes() / 2; left > 0;) {
      const std::span<std::uint16_t> piece(buffer.data(), std::min<std::uint64_t>(left, buffer.size()));
      random.fill(piece);
      const Result<void> written = writer->write(std::as_bytes(piece));
      if (!written) return written;
      left -= piece.size();
    }
  }
  return writer->finish();
}

Result<void> write_text(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return fail(Errc::io, std::string(path) + ": cannot write (is the disk full?)");
  return {};
}

std::string shard_name(std::size_t index, std::size_t count) {
  if (count == 1) return "model.safetensors";
  std::array<char, 48> name{};
  std::snprintf(name.data(), name.size(), "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return name.data();
}

std::string index_json(const std::vector<Shard>& shards, std::uint64_t total) {
  nlohmann::json map = nlohmann::json::object();
  for (std::size_t i = 0; i < shards.size(); ++i) {
    for (const PlannedTensor& tensor : shards[i]) map[tensor.spec.name] = shard_name(i, shards.size());
  }
  return nlohmann::json{{"metadata", {{"total_size", total}}}, {"weight_map", map}}.dump(2) + "\n";
}

Result<ModelDescription> resolve(const ModelSpec& spec) {
  const auto preset = std::ranges::find(presets(), spec.like, &ModelPreset::name);
  if (preset == presets().end()) {
    std::string names;
    for (const ModelPreset& known : presets()) names += (names.empty() ? "" : ", ") + std::string(known.name);
    return fail(Errc::invalid_request, "no model named '" + spec.like + "'; known are " + names);
  }
  ModelDescription description = preset->description;
  description.dtype = DType::bf16;
  if (spec.layers) {
    if (*spec.layers < 1 || *spec.layers > 1024)
      return fail(Errc::invalid_request, "layers must be 1 to 1024, not " + std::to_string(*spec.layers));
    description.layers = *spec.layers;
  }
  if (spec.vocab) {
    if (*spec.vocab < 300 || *spec.vocab > 1'000'000)
      return fail(Errc::invalid_request, "vocab must be 300 to 1000000, not " + std::to_string(*spec.vocab));
    description.vocab = *spec.vocab;
  }
  return description;
}

Result<void> prepare(const fs::path& directory) {
  std::error_code error;
  if (fs::exists(directory / "config.json", error) || fs::exists(directory / "model.safetensors", error))
    return fail(Errc::invalid_request, std::string(directory) + ": already holds a model; choose another directory");
  fs::create_directories(directory, error);
  if (error) return fail(Errc::io, std::string(directory) + ": cannot create: " + error.message());
  return {};
}

}  // namespace

std::span<const ModelPreset> model_presets() {
  return presets();
}

Result<MadeModel> make_model(const ModelSpec& spec, const fs::path& directory) {
  Result<ModelDescription> resolved = resolve(spec);
  if (!resolved) return std::unexpected(resolved.error());
  ModelDescription& description = *resolved;
  if (const Result<void> ready = prepare(directory); !ready) return std::unexpected(ready.error());

  const SyntheticTokenizer tokenizer = make_synthetic_tokenizer(description.architecture, description.vocab);
  description.bos = tokenizer.bos;
  description.eos = {tokenizer.eos};

  MadeModel made;
  std::vector<PlannedTensor> tensors = Planner(description).plan();
  for (const PlannedTensor& tensor : tensors) made.bytes += tensor.spec.bytes();
  made.parameters = static_cast<std::int64_t>(made.bytes / 2);
  const std::vector<Shard> shards = split_into_shards(std::move(tensors), spec.shard_bytes);
  made.files = static_cast<std::int32_t>(shards.size());

  std::vector<std::pair<std::string, std::string>> texts{
      {"tokenizer.json", tokenizer.tokenizer_json},
      {"tokenizer_config.json", tokenizer.tokenizer_config_json},
      {"generation_config.json", generation_config_json(description)}};
  if (shards.size() > 1) texts.emplace_back("model.safetensors.index.json", index_json(shards, made.bytes));
  texts.emplace_back("config.json", config_json(description));
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const Result<void> written = write_shard(directory / shard_name(i, shards.size()), shards[i], spec.seed);
    if (!written) return std::unexpected(written.error());
  }
  for (const auto& [name, text] : texts) {
    const Result<void> written = write_text(directory / name, text);
    if (!written) return std::unexpected(written.error());
  }
  return made;
}

}  // namespace baton::model
