#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace baton::openai {

/// Position of the quote that closes the string whose first character is at `at`; npos if there is none.
std::size_t json_string_end(std::string_view text, std::size_t at);

/// The text between the quotes of a JSON string, escapes resolved. Nothing if it is not well formed: control
/// characters, unknown escapes, lone surrogates, bytes that are not UTF-8.
std::optional<std::string> decode_json_string(std::string_view raw);

}  // namespace baton::openai
