#include "text/template_text.h"

#include <algorithm>

#include "text/unicode.h"
#include "text/utf8.h"

namespace baton::text {
namespace {

bool is_letter(char32_t c) { return (UnicodeTable::instance()[c] & kLetter) != 0; }

void append_upper(std::string& out, char32_t c) {
  if (c == 0xDF) {
    out += "SS";
  } else {
    append_utf8(out, to_upper(c));
  }
}

template <class Append>
std::string map_characters(std::string_view text, Append append) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint c = decode_utf8(text, i);
    append(out, c.value);
    i += c.size;
  }
  return out;
}

std::size_t last_character(std::string_view text) {
  std::size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

bool is_line_end(char32_t c) {
  return (c >= '\n' && c <= '\r') || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

}  // namespace

bool is_python_space(char32_t c) { return (c >= 0x1C && c <= 0x1F) || (UnicodeTable::instance()[c] & kSpace) != 0; }

std::string_view strip(std::string_view text, Side side, const std::string* set) {
  const auto goes = [&](std::size_t at) {
    const CodePoint c = decode_utf8(text, at);
    return set == nullptr ? is_python_space(c.value) : set->find(text.substr(at, c.size)) != std::string::npos;
  };
  if (side != Side::right) {
    while (!text.empty() && goes(0)) text.remove_prefix(decode_utf8(text, 0).size);
  }
  if (side != Side::left) {
    while (!text.empty() && goes(last_character(text))) text.remove_suffix(text.size() - last_character(text));
  }
  return text;
}

std::string upper(std::string_view text) { return map_characters(text, append_upper); }

std::string lower(std::string_view text) {
  return map_characters(text, [](std::string& out, char32_t c) { append_utf8(out, to_lower(c)); });
}

std::string capitalize(std::string_view text) {
  return map_characters(text, [first = true](std::string& out, char32_t c) mutable {
    append_utf8(out, first ? to_upper(c) : to_lower(c));
    first = false;
  });
}

std::string title(std::string_view text) {
  return map_characters(text, [in_word = false](std::string& out, char32_t c) mutable {
    append_utf8(out, in_word ? to_lower(c) : to_upper(c));
    in_word = is_letter(c);
  });
}

std::vector<std::string_view> split_words(std::string_view text, long long limit) {
  std::vector<std::string_view> out;
  text = strip(text, Side::left);
  while (!text.empty()) {
    if (limit >= 0 && static_cast<long long>(out.size()) == limit) {
      out.push_back(strip(text, Side::right));
      break;
    }
    std::size_t end = 0;
    while (end < text.size() && !is_python_space(decode_utf8(text, end).value)) end += decode_utf8(text, end).size;
    out.push_back(text.substr(0, end));
    text = strip(text.substr(end), Side::left);
  }
  return out;
}

std::vector<std::string_view> split_words_right(std::string_view text, long long limit) {
  std::vector<std::string_view> out;
  text = strip(text, Side::right);
  while (!text.empty()) {
    if (limit >= 0 && static_cast<long long>(out.size()) == limit) {
      out.push_back(strip(text, Side::left));
      break;
    }
    std::size_t begin = text.size();
    while (begin > 0) {
      const std::size_t at = last_character(text.substr(0, begin));
      if (is_python_space(decode_utf8(text, at).value)) break;
      begin = at;
    }
    out.push_back(text.substr(begin));
    text = strip(text.substr(0, begin), Side::right);
  }
  std::ranges::reverse(out);
  return out;
}

std::vector<std::string_view> split_at(std::string_view text, std::string_view separator, long long limit) {
  std::vector<std::string_view> out;
  std::size_t at = text.find(separator);
  while (at != text.npos && (limit < 0 || static_cast<long long>(out.size()) < limit)) {
    out.push_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
    at = text.find(separator);
  }
  out.push_back(text);
  return out;
}

std::vector<std::string_view> split_at_right(std::string_view text, std::string_view separator, long long limit) {
  std::vector<std::string_view> out;
  std::size_t at = text.rfind(separator);
  while (at != text.npos && (limit < 0 || static_cast<long long>(out.size()) < limit)) {
    out.push_back(text.substr(at + separator.size()));
    text = text.substr(0, at);
    at = text.rfind(separator);
  }
  out.push_back(text);
  std::ranges::reverse(out);
  return out;
}

std::vector<std::string_view> split_lines(std::string_view text, Ends ends) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint c = decode_utf8(text, i);
    std::size_t next = i + c.size;
    if (is_line_end(c.value)) {
      if (c.value == '\r' && next < text.size() && text[next] == '\n') ++next;
      out.push_back(text.substr(begin, (ends == Ends::kept ? next : i) - begin));
      begin = next;
    }
    i = next;
  }
  if (begin < text.size()) out.push_back(text.substr(begin));
  return out;
}

std::string replace_text(std::string_view text, std::string_view from, std::string_view to, long long limit) {
  std::string out;
  std::size_t at = 0;
  for (long long done = 0; limit < 0 || done < limit; ++done) {
    if (from.empty()) {
      out += to;
      if (at >= text.size()) return out;
      const std::size_t size = decode_utf8(text, at).size;
      out += text.substr(at, size);
      at += size;
      continue;
    }
    const std::size_t found = text.find(from, at);
    if (found == text.npos) break;
    out += text.substr(at, found - at);
    out += to;
    at = found + from.size();
  }
  out += text.substr(at);
  return out;
}

}  // namespace baton::text
