#include "text/utf8.h"

#include <cstdint>

namespace baton::text {
namespace {

struct LeadByte {
  std::size_t size = 0;  // 0: cannot start a character
  unsigned char low = 0x80;
  unsigned char high = 0xBF;  // allowed range of the second byte
};

// Table 3-7 of the Unicode standard.
LeadByte classify(unsigned char c) {
  if (c < 0xC2 || c > 0xF4) return {};
  if (c < 0xE0) return {2, 0x80, 0xBF};
  if (c < 0xF0) return {3, static_cast<unsigned char>(c == 0xE0 ? 0xA0 : 0x80),
                        static_cast<unsigned char>(c == 0xED ? 0x9F : 0xBF)};
  return {4, static_cast<unsigned char>(c == 0xF0 ? 0x90 : 0x80), static_cast<unsigned char>(c == 0xF4 ? 0x8F : 0xBF)};
}

}  // namespace

CodePoint decode_utf8_slow(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) return {first, 1, true};
  const LeadByte lead = classify(first);
  if (lead.size == 0) return {kReplacementChar, 1, false};
  auto value = static_cast<char32_t>(first & (0xFF >> (lead.size + 1)));
  for (std::size_t i = 1; i < lead.size; ++i) {
    if (at + i >= text.size()) return {kReplacementChar, i, false};
    const auto c = static_cast<unsigned char>(text[at + i]);
    const bool ok = i == 1 ? c >= lead.low && c <= lead.high : (c & 0xC0) == 0x80;
    if (!ok) return {kReplacementChar, i, false};
    value = (value << 6) | (c & 0x3F);
  }
  return {value, lead.size, true};
}

void append_utf8(std::string& text, char32_t c) {
  if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) c = kReplacementChar;
  const auto put = [&](char32_t byte) { text.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

bool is_valid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint c = decode_utf8(text, i);
    if (!c.valid) return false;
    i += c.size;
  }
  return true;
}

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint c = decode_utf8(text, i);
    out += c.valid ? text.substr(i, c.size) : kReplacementUtf8;
    i += c.size;
  }
  return out;
}

std::size_t complete_utf8_prefix(std::string_view text) {
  const std::size_t tail = text.size() < 3 ? text.size() : 3;
  for (std::size_t back = 1; back <= tail; ++back) {
    const std::size_t at = text.size() - back;
    const auto c = static_cast<unsigned char>(text[at]);
    if ((c & 0xC0) == 0x80) continue;
    const LeadByte lead = classify(c);
    const CodePoint decoded = decode_utf8(text, at);
    const bool may_grow = lead.size > back && !decoded.valid && decoded.size == back;
    return may_grow ? at : text.size();
  }
  return text.size();
}

std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

}  // namespace baton::text
