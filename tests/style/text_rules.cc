#include "style/text_rules.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>

namespace baton::style {
namespace {

enum class Scope : std::uint8_t { space, type, function, other };

bool is_word_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool has_word(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const bool starts = at == 0 || !is_word_character(text[at - 1]);
    const std::size_t end = at + word.size();
    if (starts && (end == text.size() || !is_word_character(text[end]))) return true;
  }
  return false;
}

/// A header without its leading template<…>, whose parameters are also introduced by `class`.
std::string_view without_template(std::string_view header) {
  const std::size_t start = header.find_first_not_of(" \t\n");
  if (start == std::string_view::npos || !header.substr(start).starts_with("template")) return header;
  int depth = 0;
  for (std::size_t at = start; at < header.size(); ++at) {
    if (header[at] == '<') ++depth;
    if (header[at] == '>' && --depth == 0) return without_template(header.substr(at + 1));
  }
  return header;
}

/// What a brace opens outside functions, from the text between it and the last ';', '{' or '}'.
Scope scope_of(std::string_view header) {
  header = without_template(header);
  if (has_word(header, "namespace") || has_word(header, "extern")) return Scope::space;
  const std::size_t parenthesis = header.find('(');
  const std::string_view before = header.substr(0, parenthesis);
  if (before.find('=') != std::string_view::npos && !has_word(before, "operator")) return Scope::other;
  for (const std::string_view word : {"class", "struct", "union", "enum"}) {
    if (has_word(before, word)) return Scope::type;
  }
  return parenthesis == std::string_view::npos ? Scope::other : Scope::function;
}

struct Open {
  Scope scope = Scope::other;
  int line = 0;
};

void check_functions(const Source& source, Violations& out) {
  const int limit = source.path.starts_with("tests/") ? kMaxTestLines : kMaxFunctionLines;
  const std::string code = without_literals(source.text);
  std::vector<Open> open;
  int line = 1;
  std::size_t header_begin = 0;
  for (std::size_t at = 0; at < code.size(); ++at) {
    const char c = code[at];
    if (c == '\n') ++line;
    if (c == '{') {
      const bool is_declarative = open.empty() || open.back().scope == Scope::space || open.back().scope == Scope::type;
      const std::string_view header = std::string_view(code).substr(header_begin, at - header_begin);
      open.push_back({is_declarative ? scope_of(header) : Scope::other, line});
    } else if (c == '}' && !open.empty()) {
      const int lines = line - open.back().line + 1;
      if (open.back().scope == Scope::function && lines > limit) {
        out.push_back({source.path, open.back().line,
                       "the function has " + std::to_string(lines) + " lines; at most " + std::to_string(limit) +
                           " are allowed"});
      }
      open.pop_back();
    }
    if (c == ';' || c == '{' || c == '}') header_begin = at + 1;
  }
}

template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
  int line = 1;
  for (std::size_t at = 0; at < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    visit(line, text.substr(at, end - at));
    at = end + 1;
  }
}

// Spelt in two parts so that this file passes its own rule.
const std::array kNotes{std::string("TO") + "DO", std::string("FIX") + "ME", std::string("XX") + "X"};

}  // namespace

Violations check_sizes(const Source& source) {
  Violations out;
  const auto lines = std::ranges::count(source.text, '\n');
  if (lines > kMaxFileLines) {
    out.push_back({source.path, kMaxFileLines + 1,
                   "the file has " + std::to_string(lines) + " lines; at most " + std::to_string(kMaxFileLines) +
                       " are allowed"});
  }
  check_functions(source, out);
  return out;
}

Violations check_leftovers(const Source& source) {
  Violations out;
  if (is_header(source.path) && source.text.find("#pragma once\n") == std::string::npos) {
    out.push_back({source.path, 1, "the header lacks #pragma once"});
  }
  for_each_line(source.text, [&](int line, std::string_view text) {
    for (const std::string& note : kNotes) {
      if (has_word(text, note)) out.push_back({source.path, line, note + " is left over; finish it or remove it"});
    }
  });
  return out;
}

}  // namespace baton::style
