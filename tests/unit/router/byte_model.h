#pragma once

#include <filesystem>
#include <string_view>

namespace baton::router {

/// Writes a model directory with a tokenizer whose token ids are byte values (256: <eos>), and a chat template that prints
/// "role:content\n" per message and raises on the content "boom". `chat_template`: used instead of that one.
std::filesystem::path make_byte_model(const std::filesystem::path& directory, std::string_view chat_template = {});

}  // namespace baton::router
