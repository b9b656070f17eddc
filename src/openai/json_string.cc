#include "openai/json_string.h"

#include <charconv>
#include <cstdint>
#include <cstring>

#include "openai/utf8_step.h"

namespace baton::openai {
namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101;
constexpr std::uint64_t kHighs = 0x8080808080808080;

/// Whether some of eight bytes needs a closer look: not ASCII, below a space, or a backslash.
bool needs_look(std::uint64_t bytes) {
  const std::uint64_t slashes = bytes ^ (kOnes * '\\');
  return ((bytes | (bytes - kOnes * 0x20) | (slashes - kOnes)) & kHighs) != 0;
}

std::size_t plain_run(std::string_view raw, std::size_t at) {
  const std::size_t start = at;
  while (at + 8 <= raw.size()) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, raw.data() + at, 8);
    if (needs_look(bytes)) break;
    at += 8;
  }
  while (at < raw.size() && raw[at] >= 0x20 && raw[at] != '\\') ++at;
  return at - start;
}

std::optional<std::uint32_t> hex4(std::string_view raw, std::size_t at) {
  if (at + 4 > raw.size()) return std::nullopt;
  std::uint32_t value = 0;
  const char* first = raw.data() + at;
  const auto [end, error] = std::from_chars(first, first + 4, value, 16);
  return error == std::errc{} && end == first + 4 ? std::optional(value) : std::nullopt;
}

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | (c >> 6));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

/// Resolves \uXXXX (a pair of them beyond the basic plane) whose first digit is at `at`; how many characters it took.
std::size_t decode_unicode(std::string_view raw, std::size_t at, std::string& out) {
  const auto unit = hex4(raw, at);
  if (!unit) return 0;
  if (*unit < 0xD800 || *unit > 0xDFFF) {
    append_utf8(out, *unit);
    return 4;
  }
  if (*unit > 0xDBFF || raw.substr(at + 4, 2) != "\\u") return 0;
  const auto low = hex4(raw, at + 6);
  if (!low || *low < 0xDC00 || *low > 0xDFFF) return 0;
  append_utf8(out, 0x10000 + ((*unit - 0xD800) << 10) + (*low - 0xDC00));
  return 10;
}

/// Resolves the escape whose backslash is at `at`; how many characters it took, 0 for a bad one.
std::size_t decode_escape(std::string_view raw, std::size_t at, std::string& out) {
  constexpr std::string_view kNames = "\"\\/bfnrt";
  constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
  if (at + 1 >= raw.size()) return 0;
  if (raw[at + 1] == 'u') {
    const std::size_t taken = decode_unicode(raw, at + 2, out);
    return taken == 0 ? 0 : taken + 2;
  }
  const std::size_t which = kNames.find(raw[at + 1]);
  if (which == std::string_view::npos) return 0;
  out += kValues[which];
  return 2;
}

}  // namespace

std::size_t json_string_end(std::string_view text, std::size_t at) {
  const std::size_t first = at;
  while (at < text.size()) {
    const auto* quote = static_cast<const char*>(std::memchr(text.data() + at, '"', text.size() - at));
    if (quote == nullptr) break;
    const auto end = static_cast<std::size_t>(quote - text.data());
    std::size_t backslashes = 0;
    while (end - backslashes > first && text[end - backslashes - 1] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return end;
    at = end + 1;
  }
  return std::string_view::npos;
}

std::optional<std::string> decode_json_string(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  std::size_t at = 0;
  while (at < raw.size()) {
    const std::size_t run = plain_run(raw, at);
    out.append(raw.substr(at, run));
    at += run;
    if (at == raw.size()) break;
    const auto c = static_cast<unsigned char>(raw[at]);
    std::size_t taken = 0;
    if (c == '\\') {
      taken = decode_escape(raw, at, out);
    } else if (c >= 0x80) {
      const Utf8Step step = utf8_step(raw, at);
      if (step.valid) out.append(raw.substr(at, step.length));
      taken = step.valid ? step.length : 0;
    }
    if (taken == 0) return std::nullopt;
    at += taken;
  }
  return out;
}

}  // namespace baton::openai
