#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace baton::text {

inline constexpr char32_t kReplacementChar = 0xFFFD;
inline constexpr std::string_view kReplacementUtf8 = "\xEF\xBF\xBD";

/// One decoding step. `size` is the number of bytes taken; an invalid sequence yields U+FFFD and `valid == false` with
/// the size of its maximal subpart (Unicode 3.9, WHATWG), so that one replacement character stands for it.
struct CodePoint {
  char32_t value = 0;
  std::size_t size = 0;
  bool valid = true;
};

/// Decodes the character at `at`; requires `at < text.size()`.
CodePoint decode_utf8_slow(std::string_view text, std::size_t at);

inline CodePoint decode_utf8(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) return {first, 1, true};
  return decode_utf8_slow(text, at);
}

/// Bytes of `code_point` (a surrogate or an out-of-range value becomes U+FFFD).
void append_utf8(std::string& text, char32_t code_point);

bool is_valid_utf8(std::string_view text);

/// A copy of `text` in which every invalid maximal subpart is one U+FFFD.
std::string to_valid_utf8(std::string_view text);

/// Length in bytes of the longest prefix that does not end inside a character that later bytes could complete.
/// The rest is at most three bytes.
std::size_t complete_utf8_prefix(std::string_view text);

/// Number of characters in valid UTF-8.
std::size_t count_code_points(std::string_view text);

}  // namespace baton::text
