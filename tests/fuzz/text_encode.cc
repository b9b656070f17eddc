// Any text through byte-level tokenizers: what comes back is the text (NFC where the tokenizer says so), streamed or whole.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "text/detokenizer.h"
#include "text/tokenizer.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace {

using namespace baton::text;

// A byte-level tokenizer with a few merges around the Llama-3 or Qwen pre-tokenizer.
Tokenizer make(std::string_view normalizer, std::string_view regex) {
  std::string vocab;
  int id = 0;
  const auto add = [&](std::string_view token) {
    std::string quoted;
    for (const char c : token) quoted += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    vocab += (id == 0 ? "\"" : ",\"") + quoted + "\":" + std::to_string(id);
    ++id;
  };
  char32_t next = 0x100;
  for (unsigned b = 0; b < 256; ++b) {
    std::string letter;
    append_utf8(letter, (b > 32 && b < 127) || (b > 160 && b != 173) ? b : next++);
    add(letter);
  }
  for (const std::string_view token : {"he", "ll", "hell", "\u0120t", "\u0120\u0120", "aa", "aaaa"}) add(token);
  const std::string json = R"({"normalizer":)" + std::string(normalizer) +
                           R"(,"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":")" +
                           std::string(regex) + R"("},"behavior":"Isolated","invert":false},
      {"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]},"decoder":{"type":"ByteLevel"},
      "model":{"type":"BPE","vocab":{)" + vocab +
                           R"(},"merges":["h e","l l","he ll","Ġ t","Ġ Ġ","a a","aa aa"]}})";
  auto tokenizer = Tokenizer::from_json(json);
  if (!tokenizer) std::abort();
  return *std::move(tokenizer);
}

void check(const Tokenizer& tokenizer, std::string_view text, const std::string& want) {
  const auto ids = tokenizer.encode(text);
  IncrementalDetokenizer stream(tokenizer);
  std::string streamed;
  for (const baton::TokenId id : ids) {
    const std::string part = stream.feed(id);
    if (!is_valid_utf8(part)) std::abort();
    streamed += part;
  }
  streamed += stream.finish();
  if (streamed != want || tokenizer.decode(ids) != want) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view kLlama =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+)";
  static const Tokenizer llama = make("null", kLlama);
  static const Tokenizer qwen = make(R"({"type":"NFC"})", kLlama);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string valid = to_valid_utf8(text);
  check(llama, text, valid);
  check(qwen, text, normalize(valid, NormalForm::nfc));
  return 0;
}
