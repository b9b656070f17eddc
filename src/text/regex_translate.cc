#include "text/regex_translate.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "text/unicode_additions.h"

namespace baton::text {
namespace {

constexpr std::string_view kSpaces =
    R"(\x{09}-\x{0d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
// \w: alphabetic, marks, decimal digits, connectors, and of Latin-1 the other numbers too.
constexpr std::string_view kWordExtras =
    R"(\p{Nl}\p{Pc}\x{b2}\x{b3}\x{b9}\x{bc}-\x{be}\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189})";
constexpr std::array<std::string_view, 38> kCategories{
    "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N",  "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps", "Pe",
    "Pi", "Pf", "Po", "S",  "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C",  "Cc", "Cf", "Cn", "Co", "Cs", "Any"};
// Escapes both engines read alike; "b" only inside a class (backspace).
constexpr std::string_view kSameEscapes = "nrtfaeAzZ";
constexpr std::array<std::string_view, 7> kGroups{"?:", "?=", "?!", "?<=", "?<!", "?>", "?i:"};

std::string hex(char32_t c) {
  std::array<char, 8> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), static_cast<std::uint32_t>(c), 16).ptr;
  return "\\x{" + std::string(digits.data(), end) + "}";
}

// The characters of category `name` ("L", "Lu", ...) that PCRE2 may not know.
std::string additions_of(std::string_view name) {
  constexpr std::array<std::string_view, 10> kNames{"Lu", "Ll", "Lm", "Lo", "M", "Nd", "Nl", "No", "P", "S"};
  std::string out;
  for (const CategoryRange& range : unicode_additions()) {
    if (!kNames[static_cast<std::size_t>(range.category)].starts_with(name)) continue;
    out += hex(range.first);
    if (range.last != range.first) out += "-" + hex(range.last);
  }
  return out;
}

// What a property stands for, as the inside of a class.
std::string property(std::string_view name) {
  const std::string text(name);
  if (std::ranges::find(kCategories, name) != kCategories.end()) return "\\p{" + text + "}" + additions_of(name);
  // PCRE2 reads a bare script name as its Script_Extensions. CJK extensions H and I are newer than its tables.
  return "\\p{sc:" + text + "}" + (name == "Han" ? R"(\x{2b739}\x{2ebf0}-\x{2ee5d}\x{31350}-\x{323af})" : "");
}

std::string word_characters() { return property("L") + property("M") + property("Nd") + std::string(kWordExtras); }

struct Refusal {
  std::string what;
};

class Translator {
 public:
  explicit Translator(std::string_view pattern) : in_(pattern) {}

  std::string run() {
    while (at_ < in_.size()) item();
    return std::move(out_);
  }

 private:
  bool ahead(std::string_view what) const { return in_.substr(at_).starts_with(what); }
  void copy(std::size_t count) {
    out_ += in_.substr(at_, count);
    at_ += count;
  }

  void item() {
    if (ahead("\\")) return escape(false);
    if (ahead("[")) return char_class();
    if (ahead("(")) return group();
    if (ahead("{")) return interval();
    copy(1);
  }

  void group() {
    copy(1);
    if (!ahead("?")) return;
    const auto known = std::ranges::find_if(kGroups, [&](std::string_view group) { return ahead(group); });
    const bool whole = at_ == 1 && ahead("?i)");  // elsewhere the engines disagree how far it reaches
    if (known == kGroups.end() && !whole) throw Refusal{"the group \"(" + std::string(in_.substr(at_, 3)) + "\""};
    copy(whole ? 2 : known->size());
  }

  // {n}, {n,}, {,m} or {n,m}; any other brace is itself. A second quantifier behind it means other things elsewhere.
  void interval() {
    std::size_t end = in_.find_first_not_of("0123456789", at_ + 1);
    const bool comma = end != in_.npos && in_[end] == ',';
    const std::size_t first = end == in_.npos ? 0 : end - at_ - 1;
    if (comma) end = in_.find_first_not_of("0123456789", end + 1);
    const bool closed = end != in_.npos && in_[end] == '}' && (first > 0 || end - at_ > 2);
    if (!closed) {
      out_ += '\\';
      return copy(1);
    }
    const char behind = end + 1 < in_.size() ? in_[end + 1] : '\0';
    if (behind == '+' || (behind == '?' && !comma)) throw Refusal{"a quantifier behind an interval"};
    if (first == 0) {
      out_ += "{0";
      ++at_;
    }
    copy(end + 1 - at_);
  }

  void char_class() {
    copy(1);
    if (ahead("^")) copy(1);
    if (ahead("]")) throw Refusal{"a class that begins with \"]\""};
    while (at_ < in_.size() && !ahead("]")) {
      if (ahead("&&")) throw Refusal{"the class operator \"&&\""};
      if (ahead("[")) {
        posix_class();
      } else if (ahead("\\")) {
        escape(true);
      } else {
        copy(1);
      }
    }
    copy(at_ < in_.size() ? 1 : 0);
  }

  void posix_class() {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kPosix{
        {{"[:space:]", "s"}, {"[:digit:]", "Nd"}, {"[:punct:]", "P"}}};
    const auto it = std::ranges::find_if(kPosix, [&](const auto& entry) { return ahead(entry.first); });
    if (it == kPosix.end()) throw Refusal{"a class inside a class"};
    at_ += it->first.size();
    if (it->second == "s") {
      out_ += kSpaces;
    } else {
      out_ += property(it->second);
      if (it->second == "P") out_ += property("S");
    }
  }

  // Emits a set of characters, inside a class or as one.
  void set(const std::string& members, bool in_class, bool negated) {
    if (in_class && negated) throw Refusal{"a negated class escape inside a class"};
    out_ += in_class ? members : (negated ? "[^" : "[") + members + "]";
  }

  void escape(bool in_class) {
    if (at_ + 1 >= in_.size()) throw Refusal{"a trailing backslash"};
    const char c = in_[at_ + 1];
    const bool upper = c >= 'A' && c <= 'Z';
    const bool letter = upper || (c >= 'a' && c <= 'z');
    const bool digit = c >= '0' && c <= '9';
    if (c == 'p' || c == 'P') return property_escape(in_class);
    if (c == 'x' || c == 'u') return code_point();
    // A class may hold \S, \D and \W: they are read alike but for characters that are very new.
    if (in_class && (c == 'S' || c == 'D' || c == 'W')) return copy(2);
    if ((!letter && !digit) || kSameEscapes.contains(c) || (in_class && c == 'b')) return copy(2);
    at_ += 2;
    switch (c) {
      case 's':
      case 'S': return set(std::string(kSpaces), in_class, upper);
      case 'w':
      case 'W': return set(word_characters(), in_class, upper);
      case 'd':
      case 'D': return set(property("Nd"), in_class, upper);
      case 'h':
      case 'H': return set("0-9A-Fa-f", in_class, upper);
      case 'v': return set("\\x{0b}", in_class, false);
      case 'b':
      case 'B': return boundary(upper);
      default: throw Refusal{std::string("the escape \"\\") + c + "\""};
    }
  }

  void boundary(bool negated) {
    const std::string word = "[" + word_characters() + "]";
    const std::string other = negated ? "!" : "=";
    const std::string same = negated ? "=" : "!";
    out_ += "(?:(?<=" + word + ")(?" + same + word + ")|(?<!" + word + ")(?" + other + word + "))";
  }

  void property_escape(bool in_class) {
    const bool braced = in_.substr(at_ + 2).starts_with('{');
    const std::size_t close = in_.find('}', at_);
    if (!braced || close == in_.npos) throw Refusal{"a property without braces"};
    std::string_view name = in_.substr(at_ + 3, close - at_ - 3);
    bool negated = in_[at_ + 1] == 'P';
    if (name.starts_with('^')) {
      negated = !negated;
      name.remove_prefix(1);
    }
    if (in_class && negated) {
      out_ += "\\P{" + std::string(name) + "}";
    } else {
      set(property(name), in_class, negated);
    }
    at_ = close + 1;
  }

  // \xHH (one byte, so only ASCII), \x{H...}, \uHHHH
  void code_point() {
    const bool braced = in_.substr(at_ + 1).starts_with("x{");
    const std::size_t begin = at_ + (braced ? 3 : 2);
    const std::size_t size = braced ? in_.find('}', begin) - begin : in_[at_ + 1] == 'u' ? 4 : 2;
    const std::string_view digits = in_.substr(begin, size);
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    const bool whole = error == std::errc() && end == digits.data() + digits.size() && digits.size() == size;
    const bool one_byte = !braced && size == 2;
    if (!whole || (one_byte && value > 0x7F)) throw Refusal{"the escape \"" + std::string(in_.substr(at_, 6)) + "\""};
    out_ += hex(static_cast<char32_t>(value));
    at_ = begin + size + (braced ? 1 : 0);
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

Result<std::string> translate_regex(std::string_view pattern) {
  try {
    return Translator(pattern).run();
  } catch (const Refusal& refusal) {
    return fail(Errc::corrupt_file, refusal.what + " is not supported");
  }
}

}  // namespace baton::text
