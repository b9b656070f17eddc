#include "openai/json_guard.h"

#include "openai/json_string.h"

namespace baton::openai {

bool json_depth_within(std::string_view text, int limit) {
  int depth = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at++];
    if (c == '"') {
      const std::size_t close = json_string_end(text, at);
      if (close == std::string_view::npos) break;
      at = close + 1;
    } else if (c == '[' || c == '{') {
      if (++depth > limit) return false;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return true;
}

}  // namespace baton::openai
