#include "style/source.h"

#include <cctype>
#include <cstddef>

namespace baton::style {
namespace {

/// Walks over the text once, copying code and blanking the rest.
class Blanker {
 public:
  explicit Blanker(std::string_view text) : text_(text) {}

  std::string run() {
    while (at_ < text_.size()) {
      if (starts("//")) {
        blank_until("\n", 0);
      } else if (starts("/*")) {
        blank_until("*/", 2);
      } else if (starts_raw_string()) {
        blank_raw_string();
      } else if (text_[at_] == '"' || (text_[at_] == '\'' && !is_digit_separator())) {
        blank_literal(text_[at_]);
      } else if (text_[at_] == '#' && is_first_on_line()) {
        blank_directive();
      } else {
        out_ += text_[at_++];
      }
    }
    return std::move(out_);
  }

 private:
  bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  bool starts_raw_string() const { return starts("R\"") && (at_ == 0 || !is_word(text_[at_ - 1])); }
  bool is_digit_separator() const { return at_ > 0 && std::isxdigit(static_cast<unsigned char>(text_[at_ - 1])) != 0; }
  static bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

  bool is_first_on_line() const {
    const std::size_t before = text_.substr(0, at_).find_last_not_of(" \t");
    return before == std::string_view::npos || text_[before] == '\n';
  }

  void blank_to(std::size_t end) {
    for (; at_ < end && at_ < text_.size(); ++at_) out_ += text_[at_] == '\n' ? '\n' : ' ';
  }

  void blank_until(std::string_view end, std::size_t extra) {
    const std::size_t found = text_.find(end, at_ + extra);
    blank_to(found == std::string_view::npos ? text_.size() : found + extra);
  }

  void blank_raw_string() {
    const std::size_t open = text_.find('(', at_);
    if (open == std::string_view::npos) return blank_to(text_.size());
    const std::string close = ")" + std::string(text_.substr(at_ + 2, open - at_ - 2)) + "\"";
    const std::size_t found = text_.find(close, open);
    blank_to(found == std::string_view::npos ? text_.size() : found + close.size());
  }

  void blank_literal(char quote) {
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote && text_[end] != '\n') end += text_[end] == '\\' ? 2 : 1;
    blank_to(end + 1);
  }

  void blank_directive() {
    std::size_t end = text_.find('\n', at_);
    while (end != std::string_view::npos && text_[end - 1] == '\\') end = text_.find('\n', end + 1);
    blank_to(end == std::string_view::npos ? text_.size() : end);
  }

  std::string_view text_;
  std::string out_;
  std::size_t at_ = 0;
};

}  // namespace

std::string format(const Violations& violations) {
  std::string out;
  for (const Violation& v : violations) out += v.path + ":" + std::to_string(v.line) + ": " + v.message + "\n";
  return out;
}

std::string without_literals(std::string_view text) {
  return Blanker(text).run();
}

std::vector<Include> includes_of(std::string_view text) {
  std::vector<Include> out;
  int line = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view row = text.substr(at, end - at);
    at = end + 1;
    ++line;
    const std::size_t hash = row.find_first_not_of(" \t");
    if (hash == std::string_view::npos || row[hash] != '#') continue;
    row.remove_prefix(row.find_first_not_of(" \t", hash + 1) == std::string_view::npos
                          ? row.size()
                          : row.find_first_not_of(" \t", hash + 1));
    if (!row.starts_with("include")) continue;
    const std::size_t open = row.find_first_of("\"<");
    if (open == std::string_view::npos) continue;
    const bool is_quoted = row[open] == '"';
    const std::size_t close = row.find(is_quoted ? '"' : '>', open + 1);
    if (close == std::string_view::npos) continue;
    out.push_back({line, is_quoted, std::string(row.substr(open + 1, close - open - 1))});
  }
  return out;
}

bool is_header(std::string_view path) {
  return path.ends_with(".h") || path.ends_with(".cuh");
}

}  // namespace baton::style
