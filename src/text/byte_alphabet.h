#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace baton::text {

/// GPT-2's reversible map between bytes and printable characters, in which byte-level vocabularies are written.

/// The raw bytes a vocabulary entry stands for; nothing if it holds a character outside the alphabet.
std::optional<std::string> bytes_of_alphabet(std::string_view token);

/// `bytes` written in the alphabet.
std::string alphabet_of_bytes(std::string_view bytes);

}  // namespace baton::text
