#include "openai/json_buffer.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "openai/utf8_step.h"

namespace baton::openai {
namespace {

constexpr char kHex[] = "0123456789abcdef";

constexpr std::array<bool, 256> make_plain_table() {
  std::array<bool, 256> plain{};
  for (int c = 0x20; c < 0x80; ++c) plain[static_cast<std::size_t>(c)] = c != '"' && c != '\\';
  return plain;
}
constexpr auto kPlain = make_plain_table();

void append_escaped(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  out += "\\u00";
  out += kHex[c >> 4];
  out += kHex[c & 15];
}

}  // namespace

void JsonBuffer::string(std::string_view text) {
  text_ += '"';
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = at;
    while (end < text.size() && kPlain[static_cast<unsigned char>(text[end])]) ++end;
    text_.append(text.substr(at, end - at));
    at = end;
    if (at == text.size()) break;
    const auto c = static_cast<unsigned char>(text[at]);
    if (c < 0x80) {
      append_escaped(text_, c);
      ++at;
      continue;
    }
    const Utf8Step step = utf8_step(text, at);
    if (step.valid) {
      text_.append(text.substr(at, step.length));
    } else {
      text_ += "\xEF\xBF\xBD";
    }
    at += step.length;
  }
  text_ += '"';
}

void JsonBuffer::integer(std::int64_t value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), value).ptr;
  text_.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

void JsonBuffer::number(float value) {
  if (!std::isfinite(value)) return raw("-9999.0");
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), value).ptr;
  text_.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

std::string JsonBuffer::swap_out(std::string reuse) {
  reuse.clear();
  return std::exchange(text_, std::move(reuse));
}

}  // namespace baton::openai
