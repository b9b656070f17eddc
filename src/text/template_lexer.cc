#include "text/template_lexer.h"

#include <algorithm>
#include <array>

#include "text/template_text.h"
#include "text/utf8.h"

namespace baton::text {
namespace {

using Token = TemplateToken;

constexpr std::array<std::string_view, 6> kLongOperators{"==", "!=", "<=", ">=", "//", "**"};
constexpr std::string_view kShortOperators = "+-*/%~<>=()[]{}.,:;|";

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_name(char c) { return is_name_start(c) || is_digit(c); }

// "\r\n" and "\r" become "\n"; one newline at the very end is dropped.
std::string normalize_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n') continue;
    out += source[i] == '\r' ? '\n' : source[i];
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

int hex_value(std::string_view digits) {
  int value = 0;
  for (const char c : digits) {
    const int digit = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : text_(normalize_newlines(source)), source_(text_) {}

  Result<std::vector<Token>> run() {
    while (error_.empty() && at_ < source_.size()) lex_data();
    if (!error_.empty()) return fail(Errc::invalid_request, "line " + std::to_string(line_) + ": " + error_);
    push(Token::Kind::end, "");
    return std::move(tokens_);
  }

 private:
  void push(Token::Kind kind, std::string text) { tokens_.push_back({kind, line_, std::move(text)}); }
  void refuse(std::string why) {
    if (error_.empty()) error_ = std::move(why);
    at_ = source_.size();
  }
  bool ahead(std::string_view what) const { return source_.substr(at_).starts_with(what); }
  void advance(std::size_t count) {
    line_ += static_cast<int>(std::ranges::count(source_.substr(at_, count), '\n'));
    at_ += count;
  }

  // Text up to the next tag, then the tag.
  void lex_data() {
    std::size_t tag = at_;
    while (true) {
      tag = source_.find('{', tag);
      if (tag == source_.npos || tag + 1 >= source_.size()) {
        tag = source_.size();
        break;
      }
      const char next = source_[tag + 1];
      if (next == '{' || next == '%' || next == '#') break;
      ++tag;
    }
    std::string_view data = source_.substr(at_, tag - at_);
    const char type = tag < source_.size() ? source_[tag + 1] : '\0';
    const char mark = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    if (type != '\0' && mark == '-') {
      data = strip(data, Side::right);
    } else if (mark != '+' && (type == '%' || type == '#')) {
      data = without_indent(data);
    }
    if (!data.empty()) push(Token::Kind::data, std::string(data));
    advance(tag - at_);
    if (type == '\0') return;
    advance(mark == '-' || mark == '+' ? 3 : 2);
    if (type == '#') {
      skip_comment();
    } else {
      lex_tag(type == '{');
    }
  }

  // lstrip_blocks: spaces between the start of the line and a block go.
  std::string_view without_indent(std::string_view data) const {
    const std::size_t line = data.rfind('\n') + 1;  // 0 if there is no newline
    const bool at_line_start = line > 0 || line_start_;
    return at_line_start && strip(data.substr(line), Side::left).empty() ? data.substr(0, line) : data;
  }

  // Behind a tag: `-` eats all white space, otherwise a block or comment eats one newline (trim_blocks).
  void after_tag(char mark, bool trims) {
    line_start_ = false;
    if (mark == '-') {
      const std::size_t spaces = source_.size() - at_ - strip(source_.substr(at_), Side::left).size();
      advance(spaces);
      line_start_ = spaces > 0 && source_[at_ - 1] == '\n';
    } else if (trims && mark != '+' && ahead("\n")) {
      advance(1);
      line_start_ = true;
    }
  }

  void skip_comment() {
    const std::size_t close = source_.find("#}", at_);
    if (close == source_.npos && at_ < source_.size()) return refuse("missing end of comment tag");
    if (close == source_.npos) return;
    const char mark = close > at_ ? source_[close - 1] : '\0';
    advance(close + 2 - at_);
    after_tag(mark, true);
  }

  void lex_tag(bool output) {
    const std::string_view close = output ? "}}" : "%}";
    push(output ? Token::Kind::output_begin : Token::Kind::block_begin, "");
    const std::size_t first = tokens_.size();
    std::vector<char> brackets;
    while (true) {
      advance(source_.size() - at_ - strip(source_.substr(at_), Side::left).size());
      if (at_ >= source_.size()) return refuse("unexpected end of template");
      const bool marked = (source_[at_] == '-' || source_[at_] == '+') && source_.substr(at_ + 1).starts_with(close);
      if (brackets.empty() && (marked || ahead(close))) {
        const char mark = marked ? source_[at_] : '\0';
        if (mark == '+' && output) return refuse("unexpected '+'");
        push(output ? Token::Kind::output_end : Token::Kind::block_end, "");
        const bool raw = !output && tokens_.size() == first + 2 && tokens_[first].text == "raw";
        advance(marked ? 3 : 2);
        after_tag(mark, !output && !raw);
        if (raw) lex_raw(first - 1);
        return;
      }
      lex_token(brackets);
      if (!error_.empty()) return;
    }
  }

  // {% raw %}: text up to {% endraw %} is data; the tokens of the tag itself are dropped.
  void lex_raw(std::size_t tag_token) {
    tokens_.resize(tag_token);
    for (std::size_t open = source_.find("{%", at_); open != source_.npos; open = source_.find("{%", open + 2)) {
      std::size_t i = open + 2;
      const char open_mark = i < source_.size() ? source_[i] : '\0';
      if (open_mark == '-' || open_mark == '+') ++i;
      while (i < source_.size() && is_space(source_[i])) ++i;
      if (!source_.substr(i).starts_with("endraw")) continue;
      i += 6;
      while (i < source_.size() && is_space(source_[i])) ++i;
      const char close_mark = i < source_.size() ? source_[i] : '\0';
      if (close_mark == '-' || close_mark == '+') ++i;
      if (!source_.substr(i).starts_with("%}")) continue;
      std::string_view data = source_.substr(at_, open - at_);
      if (open_mark == '-') {
        data = strip(data, Side::right);
      } else if (open_mark != '+') {
        data = without_indent(data);
      }
      if (!data.empty()) push(Token::Kind::data, std::string(data));
      advance(i + 2 - at_);
      after_tag(close_mark, true);
      return;
    }
    refuse("missing end of raw directive");
  }

  void lex_token(std::vector<char>& brackets) {
    const char c = source_[at_];
    if (is_name_start(c)) {
      std::size_t size = 1;
      while (at_ + size < source_.size() && is_name(source_[at_ + size])) ++size;
      push(Token::Kind::name, std::string(source_.substr(at_, size)));
      return advance(size);
    }
    if (is_digit(c)) return lex_number();
    if (c == '\'' || c == '"') return lex_string(c);
    for (const std::string_view op : kLongOperators) {
      if (!ahead(op)) continue;
      push(Token::Kind::op, std::string(op));
      return advance(op.size());
    }
    if (kShortOperators.find(c) == kShortOperators.npos) return refuse("unexpected character " + std::string(1, c));
    if (c == '(' || c == '[' || c == '{') brackets.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
    if (c == ')' || c == ']' || c == '}') {
      if (brackets.empty() || brackets.back() != c) return refuse(std::string("unexpected '") + c + "'");
      brackets.pop_back();
    }
    push(Token::Kind::op, std::string(1, c));
    advance(1);
  }

  void lex_number() {
    std::size_t size = 0;
    const auto digits = [&] {
      while (at_ + size < source_.size() && (is_digit(source_[at_ + size]) || source_[at_ + size] == '_')) ++size;
    };
    const auto digit_at = [&](std::size_t offset) { return at_ + offset < source_.size() && is_digit(source_[at_ + offset]); };
    digits();
    bool real = false;
    if (at_ + size < source_.size() && source_[at_ + size] == '.' && digit_at(size + 1)) {
      real = true;
      ++size;
      digits();
    }
    if (at_ + size < source_.size() && (source_[at_ + size] == 'e' || source_[at_ + size] == 'E')) {
      const char sign = at_ + size + 1 < source_.size() ? source_[at_ + size + 1] : '\0';
      const std::size_t skip = sign == '+' || sign == '-' ? 2 : 1;
      if (digit_at(size + skip)) {
        real = true;
        size += skip;
        digits();
      }
    }
    std::string text(source_.substr(at_, size));
    std::erase(text, '_');
    push(real ? Token::Kind::number : Token::Kind::integer, std::move(text));
    advance(size);
  }

  void lex_string(char quote) {
    std::string out;
    std::size_t i = at_ + 1;
    while (i < source_.size() && source_[i] != quote) {
      if (source_[i] == '\\') {
        i = append_escape(i + 1, out);
      } else {
        out += source_[i++];
      }
    }
    if (i >= source_.size()) return refuse("string without end");
    push(Token::Kind::string, std::move(out));
    advance(i + 1 - at_);
  }

  // Python's escapes; an unknown one keeps its backslash. Returns the offset behind it.
  std::size_t append_escape(std::size_t at, std::string& out) const {
    constexpr std::string_view kNames = "nrtabfv\\'\"";
    constexpr std::string_view kValues = "\n\r\t\a\b\f\v\\'\"";
    if (at >= source_.size()) return at;
    const char c = source_[at];
    if (const std::size_t named = kNames.find(c); named != kNames.npos) {
      out += kValues[named];
      return at + 1;
    }
    if (c == '\n') return at + 1;
    const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits > 0 && at + digits < source_.size()) {
      const int value = hex_value(source_.substr(at + 1, digits));
      if (value >= 0) {
        append_utf8(out, static_cast<char32_t>(value));
        return at + 1 + digits;
      }
    }
    if (c >= '0' && c <= '7') {
      char32_t value = 0;
      std::size_t used = 0;
      for (; used < 3 && at + used < source_.size() && source_[at + used] >= '0' && source_[at + used] <= '7'; ++used) {
        value = value * 8 + static_cast<char32_t>(source_[at + used] - '0');
      }
      append_utf8(out, value);
      return at + used;
    }
    out += '\\';
    out += c;
    return at + 1;
  }

  std::string text_;
  std::string_view source_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool line_start_ = true;
  std::vector<Token> tokens_;
  std::string error_;
};

}  // namespace

Result<std::vector<TemplateToken>> lex_template(std::string_view source) { return Lexer(source).run(); }

}  // namespace baton::text
