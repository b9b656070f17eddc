#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace baton::text {

/// The published split patterns that have a hand-written scanner.
enum class KnownPattern : std::uint8_t { gpt2, llama3, qwen2, qwen_marks, tekken, o200k };

/// The scanner for a pattern as spelled in tokenizer.json, if there is one.
std::optional<KnownPattern> known_pattern(std::string_view regex);

/// The regular expression of a known pattern.
std::string_view regex_of(KnownPattern pattern);

/// Length in bytes of the piece that starts `text` (not empty, valid UTF-8): what the regex would match there. Every
/// known pattern matches at every position, so that pieces tile the text.
std::size_t next_piece(KnownPattern pattern, std::string_view text);

}  // namespace baton::text
