#include "openai/json_guard.h"

#include <cstring>

namespace baton::openai {
namespace {

/// Position after the closing quote of the string whose first character is at `at`.
std::size_t skip_string(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const auto* quote = static_cast<const char*>(std::memchr(text.data() + at, '"', text.size() - at));
    if (quote == nullptr) return text.size();
    const auto end = static_cast<std::size_t>(quote - text.data());
    std::size_t backslashes = 0;
    while (end - backslashes > at && text[end - backslashes - 1] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return end + 1;
    at = end + 1;
  }
  return text.size();
}

}  // namespace

bool json_depth_within(std::string_view text, int limit) {
  int depth = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at++];
    if (c == '"') {
      at = skip_string(text, at);
    } else if (c == '[' || c == '{') {
      if (++depth > limit) return false;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return true;
}

}  // namespace baton::openai
