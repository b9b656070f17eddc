#pragma once

#include <filesystem>
#include <string>

#include "baton/error.h"
#include "model/checkpoint.h"

namespace baton::model {

/// 16 hex digits over config.json, tokenizer.json (if there) and the headers of the weight files: workers that disagree
/// on it must not exchange KV. The weights themselves are not read. Stable across machines and versions.
/// Errors: not_found, io, corrupt_file.
Result<std::string> model_hash(const std::filesystem::path& directory);

/// The same with the weights already open.
Result<std::string> model_hash(const std::filesystem::path& directory, const Checkpoint& checkpoint);

}  // namespace baton::model
