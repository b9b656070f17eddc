#include "text/normalizer.h"

#include <algorithm>

#include "text/utf8.h"

namespace baton::text {
namespace {

std::string apply_step(NormalForm form, std::string_view text) { return normalize(text, form); }

std::string apply_step(const PrependStep& step, std::string_view text) {
  return text.empty() ? std::string() : step.prefix + std::string(text);
}

std::string apply_step(const ReplaceStep& step, std::string_view text) { return replace_all(text, step); }

std::string apply_step(const TrimStep& step, std::string_view text) {
  const UnicodeTable& table = UnicodeTable::instance();
  std::size_t begin = text.size();
  std::size_t end = 0;
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint c = decode_utf8(text, i);
    const bool space = (table[c.value] & kSpace) != 0;
    if (!space) begin = std::min(begin, i);
    i += c.size;
    if (!space) end = i;
  }
  if (!step.left) begin = 0;
  if (!step.right) end = text.size();
  return begin < end ? std::string(text.substr(begin, end - begin)) : std::string();
}

std::string apply_step(LowercaseStep /*step*/, std::string_view text) {
  constexpr char32_t kDottedI = 0x130;  // the only character whose lower case is two
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint c = decode_utf8(text, i);
    i += c.size;
    if (c.value == kDottedI) {
      out += "i\u0307";
    } else {
      append_utf8(out, to_lower(c.value));
    }
  }
  return out;
}

std::string replace_matches(std::string_view text, const Regex& regex, std::string_view content) {
  std::string out;
  std::size_t copied = 0;
  for (std::size_t from = 0; from < text.size();) {
    const auto match = regex.find(text, from);
    if (!match || match->begin >= text.size()) break;
    const bool empty = match->end == match->begin;
    if (!empty) {
      out += text.substr(copied, match->begin - copied);
      out += content;
      copied = match->end;
    }
    from = empty ? match->begin + decode_utf8(text, match->begin).size : match->end;
  }
  out += text.substr(copied);
  return out;
}

}  // namespace

std::string replace_all(std::string_view text, const ReplaceStep& step) {
  if (const auto* regex = std::get_if<Regex>(&step.pattern)) return replace_matches(text, *regex, step.content);
  const std::string& literal = std::get<std::string>(step.pattern);
  if (literal.empty()) return std::string(text);
  std::string out;
  std::size_t copied = 0;
  for (std::size_t at = text.find(literal); at != text.npos; at = text.find(literal, copied)) {
    out += text.substr(copied, at - copied);
    out += step.content;
    copied = at + literal.size();
  }
  out += text.substr(copied);
  return out;
}

std::string Normalizer::run(std::string_view text) const {
  std::string out(text);
  for (const NormalizerStep& step : steps_) {
    out = std::visit([&](const auto& s) { return apply_step(s, out); }, step);
  }
  return out;
}

}  // namespace baton::text
