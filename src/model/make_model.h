#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "baton/error.h"
#include "model/description.h"

namespace baton::model {

/// A model whose shapes make_model knows.
struct ModelPreset {
  std::string_view name;  ///< "llama-3.1-8b"
  ModelDescription description;
};
std::span<const ModelPreset> model_presets();

/// What to write: the shapes of a known model with random weights.
struct ModelSpec {
  std::string like;                        ///< name of a preset
  std::uint64_t seed = 0;                  ///< same seed, same bytes
  std::optional<std::int32_t> layers;      ///< other than the preset's
  std::optional<std::int32_t> vocab;       ///< other than the preset's; 300 or more
  std::uint64_t shard_bytes = 2ULL << 30;  ///< weights beyond this go into more files
};

struct MadeModel {
  std::int64_t parameters = 0;
  std::uint64_t bytes = 0;  ///< of the weight files
  std::int32_t files = 0;   ///< weight files
};

/// Writes config.json, generation_config.json, bf16 weights and a synthetic tokenizer into `directory`, which is
/// created and must not hold a model yet. Weights are scaled so that logits stay finite and of order one. Memory use is
/// a few megabytes whatever the size. Errors: invalid_request (unknown name, bad layers, directory in use), io.
Result<MadeModel> make_model(const ModelSpec& spec, const std::filesystem::path& directory);

/// config.json and generation_config.json of a description.
std::string config_json(const ModelDescription& description);
std::string generation_config_json(const ModelDescription& description);

}  // namespace baton::model
