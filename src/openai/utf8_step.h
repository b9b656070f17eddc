#pragma once

#include <cstddef>
#include <string_view>

namespace baton::openai {

/// The sequence of non-ASCII bytes that starts at some place: its length, and whether it is a whole well-formed
/// character (Unicode table 3-7). If not, the length is that of the maximal invalid part.
struct Utf8Step {
  std::size_t length;
  bool valid;
};

constexpr bool is_utf8_continuation(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80;
}

constexpr Utf8Step utf8_step(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0xC2 || lead > 0xF4) return {1, false};
  const std::size_t want = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (!is_utf8_continuation(text, at + 1)) return {1, false};
  const auto second = static_cast<unsigned char>(text[at + 1]);
  const bool bad_second = (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
                          (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F);
  if (bad_second) return {1, false};
  for (std::size_t i = 2; i < want; ++i) {
    if (!is_utf8_continuation(text, at + i)) return {i, false};
  }
  return {want, true};
}

}  // namespace baton::openai
