#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace baton::text {

/// Classes of a character as tokenizer patterns see them; a character may have several.
enum CharClass : std::uint8_t {
  kLetter = 1,      ///< \p{L}
  kNumber = 2,      ///< \p{N}
  kSpace = 4,       ///< \s: the White_Space property
  kNewline = 8,     ///< \r or \n
  kUpperLike = 16,  ///< [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]
  kLowerLike = 32,  ///< [\p{Ll}\p{Lm}\p{Lo}\p{M}]
  kWord = 64,       ///< \w: alphabetic (approximated by L, M, Nl), Nd, Pc and the joiners
  kUnstable = 128,  ///< NFC may change it or its neighbours
};

/// Immutable two-stage table over all of Unicode; build once, read from any thread.
class UnicodeTable {
 public:
  /// The process-wide table, built on first use (a few milliseconds).
  static const UnicodeTable& instance();

  std::uint8_t operator[](char32_t c) const {
    return c > 0x10FFFF ? std::uint8_t{0} : pages_[page_of_[c >> 8] * 256U + (c & 0xFF)];
  }

 private:
  UnicodeTable();
  std::array<std::uint16_t, 0x1100> page_of_{};
  std::vector<std::uint8_t> pages_;
};

enum class NormalForm : std::uint8_t { nfc, nfd, nfkc, nfkd };

/// `text` (valid UTF-8) in the given form. NFC of text that is already NFC is a copy at scanning speed.
std::string normalize(std::string_view text, NormalForm form);

/// Full simple case mapping of one character.
char32_t to_lower(char32_t c);
char32_t to_upper(char32_t c);

/// Python's str.isprintable for one character.
bool is_printable(char32_t c);

}  // namespace baton::text
