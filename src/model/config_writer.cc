#include <nlohmann/json.hpp>

#include "model/make_model.h"

namespace baton::model {
namespace {

using nlohmann::ordered_json;

std::string_view class_name(Architecture architecture) {
  switch (architecture) {
    case Architecture::llama:
      return "LlamaForCausalLM";
    case Architecture::mistral:
      return "MistralForCausalLM";
    case Architecture::qwen2:
      return "Qwen2ForCausalLM";
    case Architecture::qwen3:
      return "Qwen3ForCausalLM";
  }
  return "";
}

ordered_json rope_scaling_json(const RopeScaling& scaling) {
  switch (scaling.kind) {
    case RopeScalingKind::none:
      break;
    case RopeScalingKind::linear:
      return {{"rope_type", "linear"}, {"factor", scaling.factor}};
    case RopeScalingKind::llama3:
      return {{"rope_type", "llama3"},
              {"factor", scaling.factor},
              {"low_freq_factor", scaling.low_freq_factor},
              {"high_freq_factor", scaling.high_freq_factor},
              {"original_max_position_embeddings", scaling.original_max_position}};
  }
  return nullptr;
}

std::string_view dtype_name(DType dtype) {
  if (dtype == DType::f32) return "float32";
  return dtype == DType::f16 ? "float16" : "bfloat16";
}

ordered_json optional_id(const std::optional<TokenId>& id) {
  return id ? ordered_json(*id) : ordered_json(nullptr);
}

}  // namespace

std::string config_json(const ModelDescription& d) {
  ordered_json config = {{"architectures", ordered_json::array({class_name(d.architecture)})},
                         {"model_type", architecture_name(d.architecture)},
                         {"hidden_size", d.hidden},
                         {"num_hidden_layers", d.layers},
                         {"num_attention_heads", d.heads},
                         {"num_key_value_heads", d.kv_heads},
                         {"head_dim", d.head_dim},
                         {"intermediate_size", d.intermediate},
                         {"vocab_size", d.vocab},
                         {"max_position_embeddings", d.max_position},
                         {"rms_norm_eps", d.rms_eps},
                         {"rope_theta", d.rope_theta},
                         {"rope_scaling", rope_scaling_json(d.rope_scaling)},
                         {"hidden_act", "silu"},
                         {"tie_word_embeddings", d.tie_word_embeddings},
                         {"torch_dtype", dtype_name(d.dtype)},
                         {"bos_token_id", optional_id(d.bos)},
                         {"eos_token_id", d.eos}};
  if (d.architecture == Architecture::mistral)
    config["sliding_window"] = d.sliding_window > 0 ? ordered_json(d.sliding_window) : ordered_json(nullptr);
  return config.dump(2) + "\n";
}

std::string generation_config_json(const ModelDescription& d) {
  return ordered_json{{"bos_token_id", optional_id(d.bos)}, {"eos_token_id", d.eos}}.dump(2) + "\n";
}

}  // namespace baton::model
