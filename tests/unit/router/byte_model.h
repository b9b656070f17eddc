#pragma once

#include <filesystem>

namespace baton::router {

/// Writes a model directory with a tokenizer whose token ids are byte values (256: <eos>), and a chat template that prints
/// "role:content\n" per message and raises on the content "boom".
std::filesystem::path make_byte_model(const std::filesystem::path& directory);

}  // namespace baton::router
