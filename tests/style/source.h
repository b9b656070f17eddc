#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace baton::style {

/// A source file: its path from the repository root, with '/', and its text.
struct Source {
  std::string path;
  std::string text;
};

/// One broken rule.
struct Violation {
  std::string path;
  int line = 0;
  std::string message;
  friend bool operator==(const Violation&, const Violation&) = default;
};

using Violations = std::vector<Violation>;

/// "path:line: message" for each.
std::string format(const Violations& violations);

/// The same text, line by line, where comments, preprocessor lines and the contents of string and character literals
/// are blank: what is left are the braces and words of the language.
std::string without_literals(std::string_view text);

/// One #include of a file.
struct Include {
  int line = 0;
  bool is_quoted = false;  ///< "…" as opposed to <…>
  std::string target;
};
std::vector<Include> includes_of(std::string_view text);

bool is_header(std::string_view path);

}  // namespace baton::style
