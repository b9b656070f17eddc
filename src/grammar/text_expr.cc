#include "grammar/text_expr.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

namespace baton::grammar {

namespace {

constexpr char32_t kLast = 0x10FFFF;
constexpr char32_t kBeforeSurrogates = 0xD7FF, kAfterSurrogates = 0xE000;

std::string encode(char32_t c) {
  const auto byte = [](char32_t bits) { return static_cast<char>(static_cast<std::uint8_t>(bits)); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xC0 | c >> 6), byte(0x80 | (c & 0x3F))};
  if (c < 0x10000) return {byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F))};
  return {byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 0x3F)), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F))};
}

/// Cuts a range until all its characters have the same number of bytes and each byte varies over a range of its own.
void add_utf8(char32_t low, char32_t high, std::vector<Expr>& out) {
  for (const char32_t last : {char32_t{0x7F}, char32_t{0x7FF}, char32_t{0xFFFF}}) {
    if (low <= last && last < high) {
      add_utf8(low, last, out);
      return add_utf8(last + 1, high, out);
    }
  }
  for (int bits = 6; bits <= 18; bits += 6) {
    const char32_t mask = (char32_t{1} << bits) - 1;
    if ((low & ~mask) == (high & ~mask)) continue;
    if ((low & mask) != 0) {
      add_utf8(low, low | mask, out);
      return add_utf8((low | mask) + 1, high, out);
    }
    if ((high & mask) != mask) {
      add_utf8(low, (high & ~mask) - 1, out);
      return add_utf8(high & ~mask, high, out);
    }
  }
  const std::string first = encode(low), last = encode(high);
  std::vector<Expr> bytes;
  for (std::size_t i = 0; i < first.size(); ++i) {
    bytes.push_back(byte_range(static_cast<std::uint8_t>(first[i]), static_cast<std::uint8_t>(last[i])));
  }
  out.push_back(sequence(std::move(bytes)));
}

const CodePoints& needs_escape() {
  static const CodePoints set({{0, 0x1F}, {'"', '"'}, {'\\', '\\'}});
  return set;
}

Expr escaped(char32_t c) {
  static constexpr std::array<std::pair<char32_t, char>, 7> kShort{
      {{'"', '"'}, {'\\', '\\'}, {'\b', 'b'}, {'\f', 'f'}, {'\n', 'n'}, {'\r', 'r'}, {'\t', 't'}}};
  for (const auto& [character, letter] : kShort) {
    if (c == character) return literal(std::string("\\") + letter);
  }
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "\\u%04x", static_cast<unsigned>(c));
  return literal(text.data());
}

Expr one_of(std::string_view bytes) {
  std::vector<Expr> parts;
  for (const char c : bytes) parts.push_back(literal(std::string_view(&c, 1)));
  return choice(std::move(parts));
}

Expr hex_digits(std::int64_t count) {
  return repeat(choice({byte_range('0', '9'), byte_range('a', 'f'), byte_range('A', 'F')}), count, count);
}

}  // namespace

CodePoints::CodePoints(std::vector<Range> ranges) {
  std::ranges::sort(ranges);
  const auto add = [this](char32_t low, char32_t high) {
    if (low > high) return;
    if (!ranges_.empty() && low <= ranges_.back().second + 1) {
      ranges_.back().second = std::max(ranges_.back().second, high);
    } else {
      ranges_.emplace_back(low, high);
    }
  };
  for (const auto& [low, high] : ranges) {
    add(low, std::min(high, kBeforeSurrogates));
    add(std::max(low, kAfterSurrogates), std::min(high, kLast));
  }
}

CodePoints CodePoints::all() { return CodePoints({{0, kLast}}); }

CodePoints CodePoints::united(const CodePoints& other) const {
  std::vector<Range> ranges = ranges_;
  ranges.insert(ranges.end(), other.ranges_.begin(), other.ranges_.end());
  return CodePoints(std::move(ranges));
}

CodePoints CodePoints::complement() const {
  std::vector<Range> gaps;
  char32_t next = 0;
  for (const auto& [low, high] : ranges_) {
    if (next < low) gaps.emplace_back(next, low - 1);
    next = high + 1;
  }
  if (next <= kLast) gaps.emplace_back(next, kLast);
  return CodePoints(std::move(gaps));
}

CodePoints CodePoints::without(const CodePoints& other) const {
  return complement().united(other).complement();
}

bool CodePoints::contains(char32_t c) const {
  return std::ranges::any_of(ranges_, [c](const Range& range) { return range.first <= c && c <= range.second; });
}

Expr utf8(const CodePoints& set) {
  std::vector<Expr> parts;
  for (const auto& [low, high] : set.ranges()) add_utf8(low, high, parts);
  return choice(std::move(parts));
}

Expr json_characters(const CodePoints& set) {
  std::vector<Expr> parts{utf8(set.without(needs_escape()))};
  for (const auto& [low, high] : needs_escape().ranges()) {
    for (char32_t c = low; c <= high; ++c) {
      if (set.contains(c)) parts.push_back(escaped(c));
    }
  }
  return choice(std::move(parts));
}

Expr any_json_character() {
  // \uXXXX: a character of the basic plane, or a pair of surrogates.
  const Expr plain = choice({sequence({one_of("0123456789abcefABCEF"), hex_digits(3)}),
                             sequence({one_of("dD"), byte_range('0', '7'), hex_digits(2)})});
  const Expr high = sequence({one_of("dD"), one_of("89abAB"), hex_digits(2)});
  const Expr low = sequence({one_of("dD"), one_of("cdefCDEF"), hex_digits(2)});
  const Expr unicode = sequence({literal("u"), choice({plain, sequence({high, literal("\\u"), low})})});
  return choice({utf8(CodePoints::all().without(needs_escape())),
                 sequence({literal("\\"), choice({one_of("\"\\/bfnrt"), unicode})})});
}

}  // namespace baton::grammar
