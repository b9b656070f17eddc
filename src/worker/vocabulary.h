#pragma once

#include <filesystem>
#include <memory>

#include "baton/error.h"
#include "engine/runner.h"
#include "grammar/grammar.h"

namespace baton::worker {

/// The tokens of the model in `directory`, as constrained decoding needs them. Special tokens stand for no text.
/// Errors: of text::Tokenizer::load.
Result<std::shared_ptr<const grammar::Vocabulary>> load_vocabulary(const std::filesystem::path& directory,
                                                                   const engine::ModelInfo& model);

}  // namespace baton::worker
