#include "grammar/regex.h"

#include <optional>
#include <string>
#include <utility>

namespace baton::grammar {

namespace {

constexpr std::size_t kMaxPattern = 16384;  // bytes
constexpr int kMaxNesting = 64;
constexpr std::int64_t kMaxCount = 100'000;

const CodePoints& digits() {
  static const CodePoints set({{'0', '9'}});
  return set;
}
const CodePoints& word_characters() {
  static const CodePoints set({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}});
  return set;
}
const CodePoints& ascii_space() {
  static const CodePoints set({{'\t', '\r'}, {' ', ' '}});
  return set;
}
/// Every character some dialect takes for white space: what \S must not match.
const CodePoints& any_space() {
  static const CodePoints set({{'\t', '\r'}, {0x1C, 0x20}, {0x85, 0x85}, {0xA0, 0xA0}, {0x1680, 0x1680},
                               {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F},
                               {0x3000, 0x3000}, {0xFEFF, 0xFEFF}});
  return set;
}
const CodePoints& line_ends() {
  static const CodePoints set({{'\n', '\n'}, {'\r', '\r'}, {0x85, 0x85}, {0x2028, 0x2029}});
  return set;
}

class Parser {
 public:
  Parser(std::string_view text, const Encoding& encoding) : text_(text), encoding_(encoding) {}

  Result<Expr> parse(RegexMatch match) {
    if (text_.size() > kMaxPattern) return bad("the expression is longer than " + std::to_string(kMaxPattern) + " bytes");
    anything_ = match == RegexMatch::anywhere ? repeat(encoding_(CodePoints::all()), 0, kUnbounded) : nullptr;
    std::vector<Expr> alternatives;
    do {
      auto alternative = top_alternative();
      if (!alternative) return alternative;
      alternatives.push_back(std::move(*alternative));
    } while (take('|'));
    if (at_ < text_.size()) return bad("unmatched )");
    return choice(std::move(alternatives));
  }

 private:
  std::unexpected<Error> bad(const std::string& what) const {
    return fail(Errc::invalid_request, what + " at offset " + std::to_string(at_) + " of the regular expression");
  }
  bool more() const { return at_ < text_.size(); }
  char peek() const { return more() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (!more() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  /// Where anchors may stand. An alternative that is not held by one may have anything around it.
  Result<Expr> top_alternative() {
    std::vector<Expr> parts;
    if (!take('^') && anything_ != nullptr) parts.push_back(anything_);
    while (more() && peek() != '|' && peek() != ')' && peek() != '$') {
      auto part = repeated();
      if (!part) return part;
      parts.push_back(std::move(*part));
    }
    if (!take('$') && anything_ != nullptr) parts.push_back(anything_);
    if (more() && peek() != '|' && peek() != ')') return bad("$ is supported at the end of an alternative only");
    return sequence(std::move(parts));
  }

  Result<Expr> alternatives() {
    std::vector<Expr> all;
    do {
      std::vector<Expr> parts;
      while (more() && peek() != '|' && peek() != ')') {
        auto part = repeated();
        if (!part) return part;
        parts.push_back(std::move(*part));
      }
      all.push_back(sequence(std::move(parts)));
    } while (take('|'));
    return choice(std::move(all));
  }

  Result<Expr> repeated() {
    auto part = atom();
    if (!part) return part;
    auto bounds = quantifier();
    if (!bounds) return std::unexpected(bounds.error());
    if (!*bounds) return part;
    take('?');  // lazy: the same texts
    const std::size_t before = at_;
    const auto again = quantifier();
    if (!again || *again || take('+')) {
      at_ = before;
      return bad("a quantifier after a quantifier");
    }
    return repeat(std::move(*part), (*bounds)->first, (*bounds)->second);
  }

  using Bounds = std::pair<std::int64_t, std::int64_t>;
  Result<std::optional<Bounds>> quantifier() {
    if (take('*')) return Bounds{0, kUnbounded};
    if (take('+')) return Bounds{1, kUnbounded};
    if (take('?')) return Bounds{0, 1};
    const std::size_t start = at_;
    if (!take('{')) return std::nullopt;
    const auto low = number();
    if (low && take('}')) return Bounds{*low, *low};
    if (low && take(',')) {
      if (take('}')) return Bounds{*low, kUnbounded};
      const auto high = number();
      if (high && take('}')) {
        if (*high < *low) return bad("a quantifier whose bounds are out of order");
        return Bounds{*low, *high};
      }
    }
    at_ = start;
    return bad("{ that begins no quantifier {m}, {m,} or {m,n} with bounds up to " + std::to_string(kMaxCount) +
               "; write \\{ for the character");
  }

  std::optional<std::int64_t> number() {
    std::int64_t value = 0;
    const std::size_t start = at_;
    while (more() && peek() >= '0' && peek() <= '9') {
      value = value * 10 + (text_[at_++] - '0');
      if (value > kMaxCount) return std::nullopt;
    }
    return at_ == start ? std::nullopt : std::optional(value);
  }

  Result<Expr> atom() {
    switch (peek()) {
      case '(': return group();
      case '[': return character_class();
      case '.': ++at_; return encoding_(line_ends().complement());
      case '\\': {
        auto set = escape();
        if (!set) return std::unexpected(set.error());
        return encoding_(*set);
      }
      case '*':
      case '+':
      case '?': return bad("a quantifier without anything to repeat");
      case '{': return bad("a { without anything to repeat; write \\{ for the character");
      case '^':
      case '$': return bad("^ and $ are supported at the ends of the expression only; write \\^ or \\$ for the character");
      default: break;
    }
    const auto c = character();
    if (!c) return std::unexpected(c.error());
    return encoding_(CodePoints({{*c, *c}}));
  }

  Result<Expr> group() {
    if (++depth_ > kMaxNesting) return bad("groups nested more than " + std::to_string(kMaxNesting) + " deep");
    ++at_;
    if (take("?")) {
      if (take("P<") || (text_.substr(at_).starts_with('<') && !text_.substr(at_).starts_with("<=") &&
                         !text_.substr(at_).starts_with("<!"))) {
        const auto end = text_.find('>', at_);
        if (end == std::string_view::npos) return bad("a group name without its end");
        at_ = end + 1;
      } else if (!take(":")) {
        return bad("look-around and flags are not supported");
      }
    }
    auto inside = alternatives();
    if (!inside) return inside;
    if (!take(')')) return bad("a group without its )");
    --depth_;
    return inside;
  }

  /// One character of the text, decoded.
  Result<char32_t> character() {
    const auto lead = static_cast<std::uint8_t>(text_[at_]);
    const int size = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
    if (size == 0 || at_ + static_cast<std::size_t>(size) > text_.size()) return bad("invalid UTF-8");
    char32_t c = size == 1 ? lead : lead & (0x7FU >> size);
    for (int i = 1; i < size; ++i) {
      const auto byte = static_cast<std::uint8_t>(text_[at_ + static_cast<std::size_t>(i)]);
      if ((byte & 0xC0) != 0x80) return bad("invalid UTF-8");
      c = c << 6 | (byte & 0x3F);
    }
    if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return bad("invalid UTF-8");
    at_ += static_cast<std::size_t>(size);
    return c;
  }

  Result<char32_t> hex(int count) {
    char32_t value = 0;
    for (int i = 0; i < count; ++i, ++at_) {
      const char c = peek();
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (digit < 0) return bad("an escape without its hexadecimal digits");
      value = value * 16 + static_cast<char32_t>(digit);
    }
    return value;
  }

  Result<CodePoints> single(Result<char32_t> c) const {
    if (!c) return std::unexpected(c.error());
    if (*c >= 0xD800 && *c < 0xE000) return bad("an escape of half a surrogate pair");
    return CodePoints({{*c, *c}});
  }

  /// At a backslash.
  Result<CodePoints> escape() {
    ++at_;
    if (!more()) return bad("a backslash at the end");
    const char c = text_[at_];
    switch (c) {
      case 'd': ++at_; return digits();
      case 'D': ++at_; return digits().complement();
      case 'w': ++at_; return word_characters();
      case 'W': ++at_; return word_characters().complement();
      case 's': ++at_; return ascii_space();
      case 'S': ++at_; return any_space().complement();
      case 'n': ++at_; return single(U'\n');
      case 'r': ++at_; return single(U'\r');
      case 't': ++at_; return single(U'\t');
      case 'f': ++at_; return single(U'\f');
      case 'v': ++at_; return single(U'\v');
      case 'x': ++at_; return single(hex(2));
      case 'u': ++at_; return single(hex(4));
      default: break;
    }
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      return bad(std::string("\\") + c + " is not supported");
    }
    return single(character());
  }

  /// A member of a class: one character, or a set that cannot begin a range.
  struct Member {
    CodePoints set;
    std::optional<char32_t> character;
  };
  Result<Member> class_member() {
    if (peek() != '\\') {
      const auto c = character();
      if (!c) return std::unexpected(c.error());
      return Member{CodePoints({{*c, *c}}), *c};
    }
    if (take("\\b")) return Member{CodePoints({{'\b', '\b'}}), U'\b'};
    auto set = escape();
    if (!set) return std::unexpected(set.error());
    Member member{std::move(*set), std::nullopt};
    const auto& ranges = member.set.ranges();
    if (ranges.size() == 1 && ranges[0].first == ranges[0].second) member.character = ranges[0].first;
    return member;
  }

  Result<Expr> character_class() {
    ++at_;
    const bool negated = take('^');
    CodePoints set;
    while (more() && peek() != ']') {
      const bool space = text_.substr(at_).starts_with("\\s");
      auto member = class_member();
      if (!member) return std::unexpected(member.error());
      if (space && negated) member->set = any_space();
      if (member->character && peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        const auto last = class_member();
        if (!last) return std::unexpected(last.error());
        if (!last->character || *last->character < *member->character) return bad("a range of a class whose ends are out of order");
        member->set = CodePoints({{*member->character, *last->character}});
      }
      set = set.united(member->set);
      if (set.ranges().size() > 2048) return bad("too many ranges in a class");
    }
    if (!take(']')) return bad("a class without its ]");
    if (negated) set = set.complement();
    return encoding_(set);
  }

  std::string_view text_;
  const Encoding& encoding_;
  std::size_t at_ = 0;
  int depth_ = 0;
  Expr anything_;
};

}  // namespace

Result<Expr> parse_regex(std::string_view pattern, RegexMatch match, const Encoding& encoding) {
  return Parser(pattern, encoding).parse(match);
}

}  // namespace baton::grammar
