#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "baton/error.h"
#include "engine/runner.h"
#include "model/description.h"
#include "perf/shape.h"

namespace baton::engine {

/// What a worker without weights must know of the model it pretends to run.
struct SimulatedModel {
  ModelInfo info;
  std::vector<TokenId> words;  ///< tokens it answers with: readable text, no special tokens
  perf::ModelShape shape;      ///< of the cost model
  std::string hash;            ///< equal for workers that may hand KV to each other
};

/// From whatever `directory` holds of config.json and tokenizer.json; neither is needed. Without a tokenizer the
/// vocabulary is the 256 bytes and an end token. The shape is that of the well-known model `name`, else the one of
/// config.json. Errors: of those files; config if the shape cannot be known.
Result<SimulatedModel> load_simulated_model(const std::filesystem::path& directory, std::string_view name);

/// What the cost model needs of a described model.
perf::ModelShape shape_of(const model::ModelDescription& description);

}  // namespace baton::engine
