#include "model/description.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "model/config_fields.h"
#include "model/mapped_file.h"

namespace baton::model {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxConfigBytes = 4 << 20;

struct ArchitectureRow {
  Architecture architecture;
  std::string_view model_type;
  std::string_view class_name;
};
constexpr std::array kArchitectures{
    ArchitectureRow{Architecture::llama, "llama", "LlamaForCausalLM"},
    ArchitectureRow{Architecture::mistral, "mistral", "MistralForCausalLM"},
    ArchitectureRow{Architecture::qwen2, "qwen2", "Qwen2ForCausalLM"},
    ArchitectureRow{Architecture::qwen3, "qwen3", "Qwen3ForCausalLM"},
};
constexpr std::string_view kSupported = "supported are llama, mistral, qwen2 and qwen3";

/// Fields that change what a model computes in ways Baton does not: refused unless absent, null, false or 0.
struct RefusedField {
  std::string_view name;
  std::string_view what;
};
constexpr std::array kRefused{
    RefusedField{"quantization_config",
                 "quantised checkpoints are not supported; use one in float32, bfloat16 or float16"},
    RefusedField{"num_local_experts", "mixture-of-experts models are not supported"},
    RefusedField{"num_experts", "mixture-of-experts models are not supported"},
    RefusedField{"n_routed_experts", "mixture-of-experts models are not supported"},
    RefusedField{"mlp_bias", "biases in the MLP are not supported"},
    RefusedField{"use_sliding_window", "sliding windows in Qwen models are not supported; set it to false"},
    RefusedField{"vision_config", "multimodal models are not supported"},
    RefusedField{"adapter_config", "adapters are not supported"},
};

Architecture read_architecture(ConfigFields& fields) {
  const std::optional<std::string> type = fields.string("model_type");
  const json* classes = fields.find("architectures");
  std::string class_name;
  if (classes != nullptr) {
    if (!classes->is_array() || classes->empty() || !classes->front().is_string()) {
      fields.corrupt("architectures", "must be a list of names");
    } else {
      class_name = classes->front().get<std::string>();
    }
  }
  if (!type && class_name.empty()) fields.corrupt("model_type", "is missing; " + std::string(kSupported));
  for (const ArchitectureRow& row : kArchitectures) {
    if (type ? row.model_type != *type : row.class_name != class_name) continue;
    if (!class_name.empty() && class_name != row.class_name)
      fields.unsupported("architectures", "'" + class_name + "' is not supported; for model_type " +
                                              std::string(row.model_type) + " it is " + std::string(row.class_name));
    return row.architecture;
  }
  if (type) {
    fields.unsupported("model_type", "'" + *type + "' is not supported; " + std::string(kSupported));
  } else {
    fields.unsupported("architectures", "'" + class_name + "' is not supported; " + std::string(kSupported));
  }
  return Architecture::llama;
}

void refuse_unsupported(ConfigFields& fields, Architecture architecture) {
  for (const RefusedField& refused : kRefused) {
    const json* value = fields.find(refused.name);
    if (value == nullptr || *value == false || *value == 0) continue;
    fields.unsupported(refused.name, refused.what);
  }
  // Qwen2 has its biases always; in the others attention_bias would add one to o_proj too.
  if (architecture != Architecture::qwen2 && fields.boolean("attention_bias").value_or(false))
    fields.unsupported("attention_bias", "biases in attention are supported in qwen2 only");
  const std::string act = fields.string("hidden_act").value_or("silu");
  if (act != "silu" && act != "swish")
    fields.unsupported("hidden_act", "'" + act + "' is not supported; it must be silu");
  const double rotary = fields.real("partial_rotary_factor", {0.0, 1.0}).value_or(1.0);
  if (rotary != 1.0) fields.unsupported("partial_rotary_factor", "partial rotation is not supported; it must be 1");
}

/// rope_theta and rope_scaling of transformers 4, or both inside rope_parameters of transformers 5.
void read_rope(ConfigFields& fields, std::string_view file, ModelDescription& out) {
  constexpr ConfigFields::RealRange kThetaRange{1.0, 1e15};
  const bool modern = fields.has("rope_parameters");
  const std::string_view name = modern ? "rope_parameters" : "rope_scaling";
  out.rope_theta = fields.real("rope_theta", kThetaRange).value_or(10000.0);
  const json* object = fields.find(name);
  if (object == nullptr) return;
  if (!object->is_object()) return fields.corrupt(name, "must be an object or null");
  ConfigFields rope(*object, file, std::string(name) + ".");
  if (modern) out.rope_theta = rope.real("rope_theta", kThetaRange).value_or(out.rope_theta);
  const std::string kind = rope.string("rope_type").value_or(rope.string("type").value_or("default"));
  if (rope.real("partial_rotary_factor", {0.0, 1.0}).value_or(1.0) != 1.0)
    rope.unsupported("partial_rotary_factor", "partial rotation is not supported; it must be 1");
  if (object->contains("full_attention") || object->contains("sliding_attention"))
    rope.unsupported("full_attention", "rope parameters by layer type are not supported");
  constexpr ConfigFields::RealRange kFactorRange{1e-3, 1e6};
  if (kind == "linear") {
    out.rope_scaling = {.kind = RopeScalingKind::linear, .factor = rope.required_real("factor", kFactorRange)};
  } else if (kind == "llama3") {
    out.rope_scaling = {
        .kind = RopeScalingKind::llama3,
        .factor = rope.required_real("factor", kFactorRange),
        .low_freq_factor = rope.required_real("low_freq_factor", kFactorRange),
        .high_freq_factor = rope.required_real("high_freq_factor", kFactorRange),
        .original_max_position = rope.required_integer("original_max_position_embeddings", {1, 1 << 30})};
    if (!rope.error() && out.rope_scaling.high_freq_factor <= out.rope_scaling.low_freq_factor)
      rope.corrupt("high_freq_factor", "must be more than low_freq_factor");
  } else if (kind != "default") {
    rope.unsupported("rope_type", "'" + kind + "' is not supported; supported are default, linear and llama3");
  }
  fields.adopt(rope.error());
}

void read_sizes(ConfigFields& fields, ModelDescription& out) {
  out.hidden = fields.required_integer("hidden_size", {1, 1 << 17});
  out.layers = fields.required_integer("num_hidden_layers", {1, 1024});
  out.heads = fields.required_integer("num_attention_heads", {1, 4096});
  out.kv_heads = fields.integer("num_key_value_heads", {1, 4096}).value_or(out.heads);
  out.intermediate = fields.required_integer("intermediate_size", {1, 1 << 20});
  out.vocab = fields.required_integer("vocab_size", {1, 1 << 22});
  out.max_position = fields.required_integer("max_position_embeddings", {1, 1 << 30});
  out.rms_eps = fields.real("rms_norm_eps", {0.0, 1.0}).value_or(1e-6);
  const std::optional<std::int32_t> head_dim = fields.integer("head_dim", {2, 1024});
  if (fields.error()) return;
  if (out.heads % out.kv_heads != 0) {
    fields.corrupt("num_key_value_heads", "is " + std::to_string(out.kv_heads) + ", must divide num_attention_heads (" +
                                              std::to_string(out.heads) + ")");
  }
  if (!head_dim && out.architecture != Architecture::qwen3 && out.hidden % out.heads != 0) {
    fields.corrupt("hidden_size", "is " + std::to_string(out.hidden) + ", must be a multiple of num_attention_heads (" +
                                      std::to_string(out.heads) + ") when head_dim is not given");
  }
  const std::int32_t by_default = out.architecture == Architecture::qwen3 ? 128 : out.hidden / out.heads;
  out.head_dim = head_dim.value_or(by_default);
  if (out.head_dim < 2 || out.head_dim % 2 != 0 || out.head_dim > 1024)
    fields.corrupt("head_dim", "is " + std::to_string(out.head_dim) + ", must be even and 2 to 1024");
}

void read_attention(ConfigFields& fields, ModelDescription& out) {
  out.qkv_bias = out.architecture == Architecture::qwen2;
  out.qk_norm = out.architecture == Architecture::qwen3;
  if (out.architecture == Architecture::mistral) {
    // transformers takes 4096 when the key is absent, and no window when it is null.
    const std::int32_t otherwise = fields.mentions("sliding_window") ? 0 : 4096;
    out.sliding_window = fields.integer("sliding_window", {1, 1 << 30}).value_or(otherwise);
  }
  const json* kinds = fields.find("layer_types");
  if (kinds == nullptr) return;
  const std::string_view wanted = out.sliding_window > 0 ? "sliding_attention" : "full_attention";
  const bool uniform =
      kinds->is_array() && std::ranges::all_of(*kinds, [&](const json& kind) { return kind == wanted; });
  if (!uniform) {
    fields.unsupported("layer_types",
                       "layers of different kinds are not supported; all must be " + std::string(wanted));
  }
}

DType read_dtype(ConfigFields& fields) {
  const std::string_view name = fields.has("dtype") ? "dtype" : "torch_dtype";
  const std::string text = fields.string(name).value_or("float32");
  if (text == "float32") return DType::f32;
  if (text == "bfloat16") return DType::bf16;
  if (text == "float16") return DType::f16;
  fields.unsupported(name, "'" + text + "' is not supported; supported are float32, bfloat16 and float16");
  return DType::f32;
}

void read_special_tokens(ConfigFields& fields, ModelDescription& out) {
  if (const auto bos = fields.token_ids("bos_token_id", out.vocab); bos && !bos->empty()) out.bos = bos->front();
  if (const auto eos = fields.token_ids("eos_token_id", out.vocab)) out.eos = *eos;
}

/// Parses a JSON object or says where the text goes wrong.
Result<json> parse_object(std::string_view text, std::string_view file) {
  try {
    json value = json::parse(text);
    if (!value.is_object()) return fail(Errc::corrupt_file, std::string(file) + ": must be a JSON object");
    return value;
  } catch (const json::exception& error) {
    std::string_view what = error.what();
    if (const auto at = what.find("] "); at != std::string_view::npos) what.remove_prefix(at + 2);
    return fail(Errc::corrupt_file, std::string(file) + ": not valid JSON: " + std::string(what.substr(0, 200)));
  }
}

}  // namespace

std::string_view architecture_name(Architecture architecture) {
  return kArchitectures[static_cast<std::size_t>(architecture)].model_type;
}

Result<ModelDescription> parse_description(const DescriptionSource& source) {
  const Result<json> config = parse_object(source.config, source.config_name);
  if (!config) return std::unexpected(config.error());
  ModelDescription out;
  ConfigFields fields(*config, source.config_name);
  out.architecture = read_architecture(fields);
  refuse_unsupported(fields, out.architecture);
  read_sizes(fields, out);
  read_rope(fields, source.config_name, out);
  read_attention(fields, out);
  out.tie_word_embeddings = fields.boolean("tie_word_embeddings").value_or(false);
  out.dtype = read_dtype(fields);
  read_special_tokens(fields, out);
  if (fields.error()) return std::unexpected(*fields.error());

  if (source.generation_config.empty()) return out;
  const Result<json> generation = parse_object(source.generation_config, source.generation_name);
  if (!generation) return std::unexpected(generation.error());
  ConfigFields generation_fields(*generation, source.generation_name);
  read_special_tokens(generation_fields, out);
  if (generation_fields.error()) return std::unexpected(*generation_fields.error());
  return out;
}

Result<ModelDescription> load_description(const std::filesystem::path& directory) {
  const std::filesystem::path config_path = directory / "config.json";
  const std::filesystem::path generation_path = directory / "generation_config.json";
  const Result<std::string> config = read_text_file(config_path, kMaxConfigBytes);
  if (!config) return std::unexpected(config.error());
  Result<std::string> generation = read_text_file(generation_path, kMaxConfigBytes);
  if (!generation && generation.error().code != Errc::not_found) return std::unexpected(generation.error());
  return parse_description({.config = *config,
                            .generation_config = generation ? std::string_view(*generation) : std::string_view(),
                            .config_name = config_path.native(),
                            .generation_name = generation_path.native()});
}

}  // namespace baton::model
