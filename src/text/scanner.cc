#include "text/scanner.h"

#include <algorithm>
#include <array>
#include <utility>

#include "text/unicode.h"
#include "text/utf8.h"

namespace baton::text {
namespace {

constexpr std::array<std::pair<KnownPattern, std::string_view>, 6> kPatterns{{
    {KnownPattern::gpt2, R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"},
    {KnownPattern::llama3,
     R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    {KnownPattern::qwen2,
     R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    {KnownPattern::qwen_marks,
     R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    {KnownPattern::tekken,
     R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    {KnownPattern::o200k,
     R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
}};

struct Char {
  char32_t value = 0;
  std::uint8_t classes = 0;
  std::size_t end = 0;  // offset behind it; 0 at the end of the text
  bool is(unsigned mask) const { return (classes & mask) != 0; }
};

// Reads the characters of one text with their classes.
struct Cursor {
  std::string_view text;
  const UnicodeTable& table = UnicodeTable::instance();

  Char at(std::size_t offset) const {
    if (offset >= text.size()) return {};
    const CodePoint c = decode_utf8(text, offset);
    return {c.value, table[c.value], offset + c.size};
  }

  std::size_t skip(std::size_t from, unsigned mask) const {
    for (Char c = at(from); c.end != 0 && c.is(mask); c = at(from)) from = c.end;
    return from;
  }

  std::size_t skip_not(std::size_t from, unsigned mask) const {
    for (Char c = at(from); c.end != 0 && !c.is(mask); c = at(from)) from = c.end;
    return from;
  }
};

constexpr char32_t kLongS = 0x17F;  // folds to s, so (?i:'s) matches it

// Behind 's 't 're 've 'm 'll 'd at `quote`, which is an apostrophe; 0 if none. Of the ignore-case variant's foldings
// only U+017F reaches these letters.
std::size_t contraction(const Cursor& in, std::size_t quote, bool fold) {
  const Char first = in.at(quote + 1);
  const auto lower = [&](char32_t c) { return fold && c >= 'A' && c <= 'Z' ? c + 32 : c; };
  const char32_t a = fold && first.value == kLongS ? U's' : lower(first.value);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return first.end;
  if (a != 'r' && a != 'v' && a != 'l') return 0;
  const Char second = in.at(first.end);
  return lower(second.value) == (a == 'l' ? U'l' : U'e') ? second.end : 0;
}

// \s+(?!\S)|\s+ from the start: a run gives its last character to what follows, unless it is all there is.
std::size_t space_run(const Cursor& in, std::size_t run_end, std::size_t last) {
  return run_end == in.text.size() || last == 0 ? run_end : last;
}

// \s*[\r\n]+|\s+(?!\S)|\s+
std::size_t white_space(const Cursor& in, unsigned newline_mask) {
  std::size_t end = 0;
  std::size_t last = 0;          // start of the last character
  std::size_t newline_end = 0;   // behind the last newline
  for (Char c = in.at(0); c.end != 0 && c.is(kSpace); c = in.at(end)) {
    last = end;
    end = c.end;
    if (c.is(newline_mask)) newline_end = end;
  }
  return newline_end != 0 ? newline_end : space_run(in, end, last);
}

struct Shape {
  std::uint8_t letters = kLetter;
  std::size_t digits = 1;
  bool contractions = true;
};

// Behind up to `most` digits, of which the first ends at `end`.
std::size_t digit_run(const Cursor& in, std::size_t end, std::size_t most) {
  for (std::size_t i = 1; i < most; ++i) {
    const Char c = in.at(end);
    if (c.end == 0 || !c.is(kNumber)) break;
    end = c.end;
  }
  return end;
}

// The Llama-3 and Qwen patterns: same alternatives, other letter class and digit count.
std::size_t llama_like(const Cursor& in, Shape shape) {
  const Char first = in.at(0);
  if (first.value == '\'') {
    if (const std::size_t size = contraction(in, 0, true); size != 0) return size;
  }
  const unsigned letters = shape.letters;
  if (first.is(letters)) return in.skip(first.end, letters);
  if (first.is(kNumber)) return digit_run(in, first.end, shape.digits);
  const Char second = in.at(first.end);
  if (!first.is(kNewline) && second.end != 0 && second.is(letters)) return in.skip(second.end, letters);
  const unsigned symbols_end = kSpace | kNumber | letters;
  const bool led_by_space = first.value == ' ' && second.end != 0 && !second.is(symbols_end);
  if (led_by_space || !first.is(kSpace)) return in.skip(in.skip_not(led_by_space ? 1 : 0, symbols_end), kNewline);
  return white_space(in, kNewline);
}

std::size_t gpt2(const Cursor& in) {
  const Char first = in.at(0);
  if (first.value == '\'') {
    if (const std::size_t size = contraction(in, 0, false); size != 0) return size;
  }
  const Char second = in.at(first.end);
  const bool led_by_space = first.value == ' ' && second.end != 0 && !second.is(kSpace);
  const Char head = led_by_space ? second : first;
  if (head.is(kLetter)) return in.skip(head.end, kLetter);
  if (head.is(kNumber)) return in.skip(head.end, kNumber);
  if (!head.is(kSpace)) return in.skip_not(head.end, kSpace | kLetter | kNumber);
  return white_space(in, 0);
}

// [upper]*[lower]+ or [upper]+[lower]* from `from`, the two classes sharing Lm, Lo and M; `from` if neither matches.
struct Word {
  std::size_t end = 0;
  bool has_lower = false;  // the first of the two alternatives matched
};

Word cased_word(const Cursor& in, std::size_t from) {
  std::size_t end = from;
  std::size_t shared_end = from;  // behind the last character of both classes: where backtracking stops
  for (Char c = in.at(end); c.end != 0 && c.is(kUpperLike); c = in.at(end)) {
    end = c.end;
    if (c.is(kLowerLike)) shared_end = end;
  }
  const std::size_t lower_end = in.skip(end, kLowerLike);
  if (lower_end > end) return {lower_end, true};
  if (shared_end > from) return {shared_end, true};
  return {end, false};
}

// The cased word that starts the text, with the one character it may be led by; 0 if there is none.
std::size_t led_word(const Cursor& in, const Char& first) {
  const bool prefix = !first.is(kNewline | kLetter | kNumber);
  const Word word = cased_word(in, prefix ? first.end : 0);
  if (word.has_lower) return word.end;
  if (prefix && first.is(kLowerLike)) return first.end;  // a mark, then only capitals: backtracks to the mark alone
  return word.end > (prefix ? first.end : 0) ? word.end : 0;
}

// The Tekken and o200k patterns: words split by case, in o200k with their contraction.
std::size_t tekken_like(const Cursor& in, Shape shape) {
  const Char first = in.at(0);
  if (const std::size_t end = led_word(in, first); end != 0) {
    const bool quote = shape.contractions && in.at(end).value == '\'';
    return quote ? std::max(end, contraction(in, end, true)) : end;
  }
  if (first.is(kNumber)) return digit_run(in, first.end, shape.digits);
  const unsigned symbols_end = kSpace | kLetter | kNumber;
  const Char second = in.at(first.end);
  const bool led_by_space = first.value == ' ' && second.end != 0 && !second.is(symbols_end);
  if (!led_by_space && first.is(kSpace)) return white_space(in, kNewline);
  std::size_t end = in.skip_not(led_by_space ? 1 : 0, symbols_end);
  for (Char c = in.at(end); c.end != 0 && (c.is(kNewline) || c.value == '/'); c = in.at(end)) end = c.end;
  return end;
}

}  // namespace

std::optional<KnownPattern> known_pattern(std::string_view regex) {
  for (const auto& [pattern, spelling] : kPatterns) {
    if (spelling == regex) return pattern;
  }
  return std::nullopt;
}

std::string_view regex_of(KnownPattern pattern) { return kPatterns[static_cast<std::size_t>(pattern)].second; }

std::size_t next_piece(KnownPattern pattern, std::string_view text) {
  const Cursor in{text};
  switch (pattern) {
    case KnownPattern::gpt2: return gpt2(in);
    case KnownPattern::llama3: return llama_like(in, {.letters = kLetter, .digits = 3});
    case KnownPattern::qwen2: return llama_like(in, {.letters = kLetter, .digits = 1});
    case KnownPattern::qwen_marks: return llama_like(in, {.letters = kUpperLike | kLowerLike, .digits = 1});  // together: L and M
    case KnownPattern::tekken: return tekken_like(in, {.digits = 1, .contractions = false});
    case KnownPattern::o200k: return tekken_like(in, {.digits = 3, .contractions = true});
  }
  return text.size();
}

}  // namespace baton::text
