#include "text/byte_alphabet.h"

#include <array>

#include "text/utf8.h"

namespace baton::text {
namespace {

constexpr char32_t kAlphabetEnd = 0x144;

struct Alphabet {
  std::array<char32_t, 256> char_of{};
  std::array<int, kAlphabetEnd> byte_of{};  // -1: not in the alphabet
};

// Printable Latin-1 stands for itself; the other 68 bytes follow from U+0100 on.
constexpr Alphabet make_alphabet() {
  Alphabet a;
  a.byte_of.fill(-1);
  char32_t next = 0x100;
  for (unsigned b = 0; b < 256; ++b) {
    const bool printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
    a.char_of[b] = printable ? static_cast<char32_t>(b) : next++;
    a.byte_of[a.char_of[b]] = static_cast<int>(b);
  }
  return a;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

std::optional<std::string> bytes_of_alphabet(std::string_view token) {
  std::string bytes;
  bytes.reserve(token.size());
  for (std::size_t i = 0; i < token.size();) {
    const CodePoint c = decode_utf8(token, i);
    if (!c.valid || c.value >= kAlphabetEnd || kAlphabet.byte_of[c.value] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kAlphabet.byte_of[c.value]));
    i += c.size;
  }
  return bytes;
}

std::string alphabet_of_bytes(std::string_view bytes) {
  std::string text;
  for (const char b : bytes) append_utf8(text, kAlphabet.char_of[static_cast<unsigned char>(b)]);
  return text;
}

}  // namespace baton::text
