#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "baton/error.h"
#include "baton/types.h"

namespace baton::model {

enum class Architecture : std::uint8_t { llama, mistral, qwen2, qwen3 };

/// "llama", …: the model_type of config.json.
std::string_view architecture_name(Architecture architecture);

enum class RopeScalingKind : std::uint8_t { none, linear, llama3 };

/// How rotary frequencies are stretched. linear uses `factor` only.
struct RopeScaling {
  RopeScalingKind kind = RopeScalingKind::none;
  double factor = 1.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  std::int32_t original_max_position = 8192;
  friend bool operator==(const RopeScaling&, const RopeScaling&) = default;
};

/// Shapes and constants of a decoder-only model, as read from a Hugging Face directory. All values were checked.
/// The activation is always SiLU in a gated MLP, norms are RMSNorm.
struct ModelDescription {
  Architecture architecture = Architecture::llama;
  std::int32_t hidden = 0;
  std::int32_t layers = 0;
  std::int32_t heads = 0;
  std::int32_t kv_heads = 0;  ///< divides heads
  std::int32_t head_dim = 0;  ///< even; heads × head_dim need not be hidden
  std::int32_t intermediate = 0;
  std::int32_t vocab = 0;
  std::int32_t max_position = 0;    ///< tokens of context
  std::int32_t sliding_window = 0;  ///< row i sees keys j > i - sliding_window; 0: all keys
  double rms_eps = 1e-6;
  double rope_theta = 10000.0;
  RopeScaling rope_scaling;
  bool qkv_bias = false;
  bool qk_norm = false;  ///< RMSNorm over head_dim of each q and k head, before rotation
  bool tie_word_embeddings = false;
  DType dtype = DType::f32;  ///< what the file says it holds: f32, bf16 or f16
  std::optional<TokenId> bos;
  std::vector<TokenId> eos;  ///< any of them ends a text; may be empty

  friend bool operator==(const ModelDescription&, const ModelDescription&) = default;
};

/// Reads config.json and, if there, generation_config.json (whose bos and eos ids win). Errors: not_found, io;
/// corrupt_file for bad JSON and impossible values; unsupported_parameter for a model Baton cannot run. Messages name
/// the file, the field and what is supported.
Result<ModelDescription> load_description(const std::filesystem::path& directory);

/// The same from the files' text; `generation_config` may be empty. Names in messages are `config_name` and
/// `generation_name`.
struct DescriptionSource {
  std::string_view config;
  std::string_view generation_config;
  std::string_view config_name = "config.json";
  std::string_view generation_name = "generation_config.json";
};
Result<ModelDescription> parse_description(const DescriptionSource& source);

}  // namespace baton::model
