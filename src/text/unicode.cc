#include "text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>

#include "text/unicode_additions.h"
#include "text/utf8.h"

namespace baton::text {
namespace {

constexpr char32_t kEnd = 0x110000;
// No character above has a canonical decomposition.
constexpr char32_t kDecompositionEnd = 0x30000;
constexpr auto kDecompose = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
constexpr auto kCompatible = static_cast<utf8proc_option_t>(kDecompose | UTF8PROC_COMPAT);
constexpr auto kCompose = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);

bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

// Of characters newer than utf8proc's tables.
void add_new_characters(std::vector<std::uint8_t>& flat) {
  constexpr std::array<std::uint8_t, 10> kClasses{
      kLetter | kUpperLike | kWord, kLetter | kLowerLike | kWord, kLetter | kUpperLike | kLowerLike | kWord,
      kLetter | kUpperLike | kLowerLike | kWord, kUpperLike | kLowerLike | kWord, kNumber | kWord, kNumber | kWord,
      kNumber, 0, 0};
  for (const CategoryRange& range : unicode_additions()) {
    const std::uint8_t bits = kClasses[static_cast<std::size_t>(range.category)];
    for (char32_t c = range.first; c <= range.last; ++c) flat[c] = static_cast<std::uint8_t>(flat[c] | bits);
  }
}

// \w holds the letter-like symbols (circled and squared letters).
bool is_symbol_letter(char32_t c) {
  return (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
         (c >= 0x1F170 && c <= 0x1F189);
}

std::uint8_t classes_of(char32_t c) {
  unsigned bits = 0;
  if (is_white_space(c)) bits |= kSpace;
  if (c == '\r' || c == '\n') bits |= kNewline;
  if (c == 0x200C || c == 0x200D || is_symbol_letter(c)) bits |= kWord;
  const utf8proc_property_t* property = utf8proc_get_property(static_cast<utf8proc_int32_t>(c));
  switch (property->category) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT: bits |= kLetter | kUpperLike | kWord; break;
    case UTF8PROC_CATEGORY_LL: bits |= kLetter | kLowerLike | kWord; break;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: bits |= kLetter | kUpperLike | kLowerLike | kWord; break;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: bits |= kUpperLike | kLowerLike | kWord; break;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL: bits |= kNumber | kWord; break;
    case UTF8PROC_CATEGORY_NO: bits |= kNumber; break;
    case UTF8PROC_CATEGORY_PC: bits |= kWord; break;
    default: break;
  }
  if (property->combining_class != 0) bits |= kUnstable;
  return static_cast<std::uint8_t>(bits);
}

// Marks characters that NFC replaces (NFC_QC=No) and those that may compose with what precedes (NFC_QC=Maybe).
void mark_unstable(std::vector<std::uint8_t>& flat) {
  for (char32_t c = 0xA0; c < kDecompositionEnd; ++c) {
    std::array<utf8proc_int32_t, 32> parts{};
    int last_boundclass = 0;
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts.data(), parts.size(),
                                               kDecompose, &last_boundclass);
    if (count <= 0 || (count == 1 && parts[0] == static_cast<utf8proc_int32_t>(c))) continue;
    if (count > 1) flat[static_cast<std::size_t>(parts[static_cast<std::size_t>(count - 1)])] |= kUnstable;
    const auto composed = utf8proc_normalize_utf32(parts.data(), count, kCompose);
    if (composed != 1 || parts[0] != static_cast<utf8proc_int32_t>(c)) flat[c] |= kUnstable;
  }
}

std::string map_with(std::string_view text, utf8proc_option_t options) {
  utf8proc_uint8_t* mapped = nullptr;
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                 static_cast<utf8proc_ssize_t>(text.size()), &mapped, options);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  if (size < 0) return to_valid_utf8(text);
  return {reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size)};
}

// The decomposition of `text` in canonical order. utf8proc orders marks by exchanging neighbours, which is
// quadratic in the length of a run; once ordered it has nothing left to exchange.
std::string ordered_decomposition(std::string_view text, utf8proc_option_t form) {
  std::vector<utf8proc_int32_t> points;
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint c = decode_utf8(text, i);
    i += c.size;
    std::array<utf8proc_int32_t, 32> parts{};
    int boundclass = 0;
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c.value), parts.data(), parts.size(),
                                               form, &boundclass);
    points.insert(points.end(), parts.begin(), parts.begin() + std::max<utf8proc_ssize_t>(count, 0));
  }
  // Counting sort by combining class of every run of marks keeps equal classes in their order.
  const auto class_of = [](utf8proc_int32_t c) { return utf8proc_get_property(c)->combining_class; };
  std::string out;
  for (std::size_t i = 0; i < points.size();) {
    if (class_of(points[i]) == 0) {
      append_utf8(out, static_cast<char32_t>(points[i++]));
      continue;
    }
    std::map<utf8proc_propval_t, std::string> marks;
    for (; i < points.size() && class_of(points[i]) != 0; ++i) {
      append_utf8(marks[class_of(points[i])], static_cast<char32_t>(points[i]));
    }
    for (const auto& [combining_class, characters] : marks) out += characters;
  }
  return out;
}

std::string compose_stretch(std::string_view text) {
  constexpr std::size_t kLong = 256;  // bytes
  if (text.size() <= kLong) return map_with(text, kCompose);
  return map_with(ordered_decomposition(text, kDecompose), kCompose);
}

// Normalises only the stretches around unstable characters: [a stable starter before, the next stable starter).
std::string to_nfc(std::string_view text) {
  const UnicodeTable& table = UnicodeTable::instance();
  std::string out;
  out.reserve(text.size());
  std::size_t copied = 0;
  std::size_t starter = 0;
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint c = decode_utf8(text, i);
    if ((table[c.value] & kUnstable) == 0) {
      starter = i;
      i += c.size;
      continue;
    }
    std::size_t end = i;
    while (end < text.size()) {
      const CodePoint next = decode_utf8(text, end);
      if ((table[next.value] & kUnstable) == 0) break;
      end += next.size;
    }
    out += text.substr(copied, starter - copied);
    out += compose_stretch(text.substr(starter, end - starter));
    copied = starter = i = end;
  }
  out += text.substr(copied);
  return out;
}

}  // namespace

UnicodeTable::UnicodeTable() {
  std::vector<std::uint8_t> flat(kEnd);
  for (char32_t c = 0; c < kEnd; ++c) flat[c] = classes_of(c);
  add_new_characters(flat);
  mark_unstable(flat);
  std::map<std::string_view, std::uint16_t> seen;
  for (std::size_t page = 0; page < page_of_.size(); ++page) {
    const std::string_view bytes(reinterpret_cast<const char*>(flat.data() + page * 256), 256);
    const auto [entry, fresh] = seen.try_emplace(bytes, static_cast<std::uint16_t>(seen.size()));
    if (fresh) pages_.insert(pages_.end(), bytes.begin(), bytes.end());
    page_of_[page] = entry->second;
  }
}

const UnicodeTable& UnicodeTable::instance() {
  static const UnicodeTable table;
  return table;
}

std::string normalize(std::string_view text, NormalForm form) {
  switch (form) {
    case NormalForm::nfc: return to_nfc(text);
    case NormalForm::nfd: return ordered_decomposition(text, kDecompose);
    case NormalForm::nfkc: return map_with(ordered_decomposition(text, kCompatible), kCompose);
    case NormalForm::nfkd: return ordered_decomposition(text, kCompatible);
  }
  return std::string(text);
}

char32_t to_lower(char32_t c) {
  // Newer than utf8proc's tables.
  if (c >= 0x10D50 && c <= 0x10D65) return c + 0x20;
  if (c == 0x1C89 || c == 0xA7CC || c == 0xA7DA) return c + 1;
  if (c == 0xA7CB) return 0x264;
  if (c == 0xA7DC) return 0x19B;
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

char32_t to_upper(char32_t c) { return static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))); }

bool is_printable(char32_t c) {
  if (c == ' ') return true;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS: return false;
    default: return true;
  }
}

}  // namespace baton::text
