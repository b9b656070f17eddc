#include "perf/shapes.h"

#include <array>
#include <string>

namespace baton::perf {

namespace {

struct KnownModel {
  std::string_view name;  ///< lower case; a '-', '_' or '.' may follow it
  DecoderSizes sizes;
};

// From the models' config.json.
constexpr DecoderSizes kLlama8b{32, 4096, 32, 8, 128, 14336, 128256};
constexpr DecoderSizes kLlama70b{80, 8192, 64, 8, 128, 28672, 128256};
constexpr DecoderSizes kQwen25_7b{28, 3584, 28, 4, 128, 18944, 152064};
constexpr DecoderSizes kQwen25_14b{48, 5120, 40, 8, 128, 13824, 152064};
constexpr DecoderSizes kQwen25_32b{64, 5120, 40, 8, 128, 27648, 152064};
// Multi-head latent attention keeps 576 values per token and layer, K and V in one: 2 × 288 here. Its query heads are
// counted in full, which overstates the attention of long prompts.
constexpr DecoderSizes kDeepseekV3{.layers = 61,
                                   .hidden = 7168,
                                   .q_heads = 128,
                                   .kv_heads = 1,
                                   .head_dim = 288,
                                   .intermediate = 18432,
                                   .vocab = 129280,
                                   .experts = 256,
                                   .experts_per_token = 8,
                                   .expert_intermediate = 2048,
                                   .dense_layers = 3,
                                   .shared_intermediate = 2048,
                                   .attention_parameters = 187.1e6};
constexpr DecoderSizes kKimiK2{.layers = 61,
                               .hidden = 7168,
                               .q_heads = 64,
                               .kv_heads = 1,
                               .head_dim = 288,
                               .intermediate = 18432,
                               .vocab = 163840,
                               .experts = 384,
                               .experts_per_token = 8,
                               .expert_intermediate = 2048,
                               .dense_layers = 1,
                               .shared_intermediate = 2048,
                               .attention_parameters = 101.1e6};

constexpr std::array kKnown{
    KnownModel{"llama-2-7b", {32, 4096, 32, 32, 128, 11008, 32000}},
    KnownModel{"llama-2-13b", {40, 5120, 40, 40, 128, 13824, 32000}},
    KnownModel{"llama-2-70b", {80, 8192, 64, 8, 128, 28672, 32000}},
    KnownModel{"llama-3-8b", kLlama8b},
    KnownModel{"llama-3-70b", kLlama70b},
    KnownModel{"llama-3.1-8b", kLlama8b},
    KnownModel{"llama-3.1-70b", kLlama70b},
    KnownModel{"llama-3.1-405b", {126, 16384, 128, 8, 128, 53248, 128256}},
    KnownModel{"llama-3.2-1b", {16, 2048, 32, 8, 64, 8192, 128256, true}},
    KnownModel{"llama-3.2-3b", {28, 3072, 24, 8, 128, 8192, 128256, true}},
    KnownModel{"llama-3.3-70b", kLlama70b},
    KnownModel{"deepseek-r1-distill-llama-8b", kLlama8b},
    KnownModel{"deepseek-r1-distill-llama-70b", kLlama70b},
    KnownModel{"deepseek-r1-distill-qwen-7b", kQwen25_7b},
    KnownModel{"deepseek-r1-distill-qwen-14b", kQwen25_14b},
    KnownModel{"deepseek-r1-distill-qwen-32b", kQwen25_32b},
    KnownModel{"deepseek-v3", kDeepseekV3},
    KnownModel{"deepseek-r1", kDeepseekV3},
    KnownModel{"kimi-k2", kKimiK2},
    KnownModel{"mistral-7b", {32, 4096, 32, 8, 128, 14336, 32768}},
    KnownModel{"mistral-nemo", {40, 5120, 32, 8, 128, 14336, 131072}},
    KnownModel{"mistral-small-24b", {40, 5120, 32, 8, 128, 32768, 131072}},
    KnownModel{"mixtral-8x7b",
               {.layers = 32,
                .hidden = 4096,
                .q_heads = 32,
                .kv_heads = 8,
                .head_dim = 128,
                .vocab = 32000,
                .experts = 8,
                .experts_per_token = 2,
                .expert_intermediate = 14336}},
    KnownModel{"mixtral-8x22b",
               {.layers = 56,
                .hidden = 6144,
                .q_heads = 48,
                .kv_heads = 8,
                .head_dim = 128,
                .vocab = 32768,
                .experts = 8,
                .experts_per_token = 2,
                .expert_intermediate = 16384}},
    KnownModel{"qwen2.5-0.5b", {24, 896, 14, 2, 64, 4864, 151936, true}},
    KnownModel{"qwen2.5-1.5b", {28, 1536, 12, 2, 128, 8960, 151936, true}},
    KnownModel{"qwen2.5-3b", {36, 2048, 16, 2, 128, 11008, 151936, true}},
    KnownModel{"qwen2.5-7b", kQwen25_7b},
    KnownModel{"qwen2.5-coder-7b", kQwen25_7b},
    KnownModel{"qwen2.5-14b", kQwen25_14b},
    KnownModel{"qwen2.5-32b", kQwen25_32b},
    KnownModel{"qwen2.5-coder-32b", kQwen25_32b},
    KnownModel{"qwq-32b", kQwen25_32b},
    KnownModel{"qwen2.5-72b", {80, 8192, 64, 8, 128, 29568, 152064}},
    KnownModel{"qwen3-0.6b", {28, 1024, 16, 8, 128, 3072, 151936, true}},
    KnownModel{"qwen3-1.7b", {28, 2048, 16, 8, 128, 6144, 151936, true}},
    KnownModel{"qwen3-4b", {36, 2560, 32, 8, 128, 9728, 151936, true}},
    KnownModel{"qwen3-8b", {36, 4096, 32, 8, 128, 12288, 151936}},
    KnownModel{"qwen3-14b", {40, 5120, 40, 8, 128, 17408, 151936}},
    KnownModel{"qwen3-32b", {64, 5120, 64, 8, 128, 25600, 151936}},
    KnownModel{"qwen3-30b-a3b",
               {.layers = 48,
                .hidden = 2048,
                .q_heads = 32,
                .kv_heads = 4,
                .head_dim = 128,
                .vocab = 151936,
                .experts = 128,
                .experts_per_token = 8,
                .expert_intermediate = 768}},
    KnownModel{"qwen3-235b-a22b",
               {.layers = 94,
                .hidden = 4096,
                .q_heads = 64,
                .kv_heads = 4,
                .head_dim = 128,
                .vocab = 151936,
                .experts = 128,
                .experts_per_token = 8,
                .expert_intermediate = 1536}},
};

std::string lower_case_name(std::string_view name) {
  while (name.ends_with('/')) name.remove_suffix(1);
  if (const auto slash = name.rfind('/'); slash != name.npos) name.remove_prefix(slash + 1);
  std::string out(name);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (out.starts_with("meta-")) out.erase(0, 5);
  return out;
}

bool names(std::string_view model, std::string_view known) {
  if (!model.starts_with(known) || model.contains("distill") != known.contains("distill")) return false;
  return model.size() == known.size() || std::string_view("-_.").contains(model[known.size()]);
}

}  // namespace

ModelShape shape_of(const DecoderSizes& s) {
  const double hidden = s.hidden;
  const double attention =
      s.attention_parameters > 0 ? s.attention_parameters : hidden * s.head_dim * (2.0 * s.q_heads + 2.0 * s.kv_heads);
  const double embeddings = hidden * s.vocab * (s.tied_embeddings ? 1 : 2);
  const double expert = 3 * hidden * s.expert_intermediate;
  const double mixture_layers = s.experts > 0 ? s.layers - s.dense_layers : 0;
  const double dense_layers = s.layers - mixture_layers;
  const double always = embeddings + s.layers * attention + dense_layers * 3 * hidden * s.intermediate +
                        mixture_layers * hidden * (3.0 * s.shared_intermediate + s.experts);
  ModelShape shape{.parameters = always + mixture_layers * s.experts_per_token * expert,
                   .layers = s.layers,
                   .hidden = s.hidden,
                   .q_heads = s.q_heads,
                   .kv_heads = s.kv_heads,
                   .head_dim = s.head_dim};
  if (s.experts > 0) {
    shape.expert_parameters = mixture_layers * s.experts * expert;
    shape.resident_parameters = always + shape.expert_parameters;
    shape.experts = s.experts;
    shape.experts_per_token = s.experts_per_token;
  }
  return shape;
}

std::optional<ModelShape> known_shape(std::string_view name) {
  const std::string wanted = lower_case_name(name);
  const KnownModel* best = nullptr;  // the longest name: deepseek-r1-distill-llama-8b is no deepseek-r1
  for (const KnownModel& model : kKnown) {
    if (names(wanted, model.name) && (!best || model.name.size() > best->name.size())) best = &model;
  }
  if (!best) return std::nullopt;
  return shape_of(best->sizes);
}

}  // namespace baton::perf
