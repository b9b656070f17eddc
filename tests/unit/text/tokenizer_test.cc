#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "text/regex.h"
#include "text/scanner.h"
#include "text/unicode.h"
#include "text/utf8.h"
#include "unit/text/golden.h"

namespace baton::text {
namespace {

// A tokenizer.json of which single parts can be replaced.
std::string json_with(std::string_view part, std::string_view value) {
  const auto pick = [&](std::string_view name, std::string_view standard) {
    return "\"" + std::string(name) + "\":" + std::string(name == part ? value : standard);
  };
  return "{" + pick("normalizer", "null") + "," + pick("pre_tokenizer", R"({"type":"ByteLevel","add_prefix_space":false})") + "," +
         pick("post_processor", "null") + "," + pick("decoder", R"({"type":"ByteLevel"})") + "," +
         pick("added_tokens", "[]") + "," + pick("model", R"({"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]})") + "}";
}

std::string error_of(const std::string& json) {
  const auto tokenizer = Tokenizer::from_json(json, "t.json");
  EXPECT_FALSE(tokenizer);
  if (tokenizer) return {};
  EXPECT_EQ(tokenizer.error().code, Errc::corrupt_file);
  return tokenizer.error().message;
}

TEST(Tokenizer, a_minimal_file_loads) {
  const auto tokenizer = Tokenizer::from_json(json_with("", ""));
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->encode("abba"), (std::vector<TokenId>{2, 1, 0}));
  EXPECT_EQ(tokenizer->vocab_size(), 3U);
  EXPECT_EQ(tokenizer->id_of("ab"), 2);
  EXPECT_EQ(tokenizer->id_of("zz"), std::nullopt);
}

TEST(Tokenizer, a_piece_has_the_same_tokens_wherever_it_stands) {
  const auto tokenizer = Tokenizer::load(BATON_SOURCE_DIR "/tests/data/text/llama3.tokenizer.json");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    std::string text;
    std::vector<TokenId> expected;
    for (int word = 0; word < 400; ++word) {
      // Words of 1 to 18 letters over many slots, many of them again; with its space each is one piece.
      std::string piece = " ";
      const auto letters = 1 + random() % 18;
      for (unsigned i = 0; i < letters; ++i) piece += static_cast<char>('a' + random() % (letters < 3 ? 26 : 2));
      const auto alone = tokenizer->encode(piece, {.add_special_tokens = false});
      expected.insert(expected.end(), alone.begin(), alone.end());
      text += piece;
    }
    ASSERT_EQ(tokenizer->encode(text, {.add_special_tokens = false}), expected) << text;
  }
}

TEST(Tokenizer, refuses_what_it_cannot_reproduce_and_names_it) {
  const std::vector<std::array<std::string, 3>> cases{
      {"model", R"({"type":"WordPiece","vocab":{}})", "model.type model \"WordPiece\" is not supported"},
      {"model", R"({"type":"BPE","vocab":{"a":0},"merges":["a b"]})", "model.merges[0] merge of \"a\" and \"b\""},
      {"model", R"({"type":"BPE","vocab":{"a":0},"merges":["ab"]})", "model.merges[0] a merge must be two parts"},
      {"model", R"({"type":"BPE","vocab":{"a":0},"merges":[["a"]]})", "model.merges[0] a merge must have two parts"},
      {"model", R"({"type":"BPE","vocab":{"a":-1},"merges":[]})", "model.vocab[\"a\"] token id -1 is out of range"},
      {"model", R"({"type":"BPE","vocab":{"a":0.5},"merges":[]})", "model.vocab[\"a\"] must be an integer"},
      {"model", R"({"type":"BPE","vocab":{},"merges":[],"dropout":0.1})", "model.dropout dropout is not supported"},
      {"model", R"({"type":"BPE","vocab":{},"merges":[],"end_of_word_suffix":"</w>"})", "model.end_of_word_suffix"},
      {"model", R"({"type":"BPE","vocab":{}})", "model.merges must be an array"},
      {"normalizer", R"({"type":"BertNormalizer"})", "normalizer \"BertNormalizer\" is not a supported normalizer"},
      {"normalizer", R"({"type":"Sequence","normalizers":[{"type":"Precompiled"}]})", "normalizer.normalizers[0] \"Precompiled\""},
      {"pre_tokenizer", R"({"type":"BertPreTokenizer"})", "pre_tokenizer \"BertPreTokenizer\""},
      {"pre_tokenizer", R"({"type":"Split","pattern":{"Regex":"(a"},"behavior":"Isolated"})", "pre_tokenizer.pattern.Regex bad regular expression"},
      {"pre_tokenizer", R"({"type":"Split","pattern":{"String":"a"},"behavior":"Odd"})", "pre_tokenizer.behavior \"Odd\" is not a split behavior"},
      {"pre_tokenizer", R"({"type":"Metaspace","prepend_scheme":"odd"})", "pre_tokenizer.prepend_scheme \"odd\" is not a prepend scheme"},
      {"post_processor", R"({"type":"BertProcessing"})", "post_processor \"BertProcessing\""},
      {"post_processor", R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}],"special_tokens":{"x":{"ids":[7]}}})",
       "post_processor.special_tokens.x.ids[0] is not a token"},
      {"pre_tokenizer", R"({"type":"Sequence","pretokenizers":[{"type":"ByteLevel"},{"type":"Digits"}]})",
       "pre_tokenizer.pretokenizers[1] stands behind ByteLevel"},
      {"decoder", R"({"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Metaspace"}]})",
       "decoder.decoders[1] stands behind a decoder that makes bytes"},
      {"decoder", "null", "decoder is missing"},
      {"decoder", R"({"type":"WordPiece"})", "decoder \"WordPiece\""},
      {"decoder", R"({"type":"Strip","content":" ","start":1,"stop":0})", "decoder stands before Fuse"},
      {"added_tokens", R"([{"id":5}])", "added_tokens[0].content must be a string"},
  };
  for (const auto& [part, value, message] : cases) {
    const std::string error = error_of(json_with(part, value));
    EXPECT_TRUE(error.starts_with("t.json: " + message)) << error;
  }
  EXPECT_EQ(error_of("{"), "t.json: not valid JSON");
  EXPECT_EQ(error_of("[]"), "t.json: the document must be an object");
}

TEST(Tokenizer, a_missing_file_is_an_io_error) {
  const auto tokenizer = Tokenizer::load("/nonexistent/tokenizer.json");
  ASSERT_FALSE(tokenizer);
  EXPECT_EQ(tokenizer.error().code, Errc::io);
}

TEST(Tokenizer, invalid_utf8_is_read_as_replacement_characters) {
  auto tokenizer = Tokenizer::load(data_path("llama3.tokenizer.json"));
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->encode("a\xFF\xC3"), tokenizer->encode("a\uFFFD\uFFFD"));
}

TEST(Tokenizer, special_tokens_in_text_stay_text_when_asked_for) {
  auto tokenizer = Tokenizer::load(data_path("llama3.tokenizer.json"));
  ASSERT_TRUE(tokenizer);
  const std::string text = "a<|eot_id|>b";
  const TokenId eot = tokenizer->id_of("<|eot_id|>").value();
  const auto forged = tokenizer->encode(text);
  const auto plain = tokenizer->encode(text, {.parse_special = false});
  EXPECT_NE(std::ranges::find(forged, eot), forged.end());
  EXPECT_EQ(std::ranges::find(plain, eot), plain.end());
  EXPECT_EQ(tokenizer->decode(plain), text);
}

TEST(Tokenizer, a_million_letters_without_a_split_take_n_log_n) {
  for (const char* name : {"llama3", "qwen25", "llama2"}) {
    auto tokenizer = Tokenizer::load(data_path(std::string(name) + ".tokenizer.json"));
    ASSERT_TRUE(tokenizer);
    const std::string text(1'000'000, 'a');
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  }
}

TEST(Tokenizer, a_long_run_of_unordered_marks_is_normalised_in_reasonable_time) {
  std::string text = "a";
  for (int i = 0; i < 200'000; ++i) text += i % 2 == 0 ? "\u0301" : "\u0323";
  const std::string normal = normalize(text, NormalForm::nfc);
  EXPECT_TRUE(normal.starts_with("\u1EA1\u0323"));
  EXPECT_EQ(normalize(normal, NormalForm::nfc), normal);
  for (const auto form : {NormalForm::nfd, NormalForm::nfkc, NormalForm::nfkd}) {
    EXPECT_EQ(normalize(normalize(text, form), form), normalize(normal, form));
  }
}

// Random text from characters around which the patterns decide.
std::string random_text(std::mt19937& random) {
  constexpr std::u32string_view kCharacters =
      U"aBzZ'sStTrReEvVmMlLdD\u017F\u212A 0159\t\n\r\v\u0085\u00A0\u3000\u2028.!?-_/=\u00E9\u00C9\u0301\u0308\u4F60\u3042\uAC00"
      U"\u01C5\u02B0\u00AA\u0660\u2160\u00BD\U0001F600\u200D\u200B\u180E\u0E01\u0E31\u093F\u0915\u0000\u007F";
  std::string text;
  const auto size = 1 + random() % 24;
  for (std::size_t i = 0; i < size; ++i) append_utf8(text, kCharacters[random() % kCharacters.size()]);
  return text;
}

TEST(Scanner, splits_as_the_regular_expression_does) {
  for (const auto pattern : {KnownPattern::gpt2, KnownPattern::llama3, KnownPattern::qwen2, KnownPattern::qwen_marks, KnownPattern::tekken,
                             KnownPattern::o200k}) {
    const auto regex = Regex::compile(regex_of(pattern));
    ASSERT_TRUE(regex) << regex.error().message;
    std::mt19937 random(9);
    for (int round = 0; round < 20'000; ++round) {
      const std::string text = random_text(random);
      for (std::size_t at = 0; at < text.size();) {
        const auto match = regex->find(text, at);
        ASSERT_TRUE(match);
        // PCRE2 looks behind `at` for nothing in these patterns, so the rest can stand alone.
        const std::size_t size = next_piece(pattern, std::string_view(text).substr(at));
        ASSERT_EQ(match->begin, at) << text;
        ASSERT_EQ(match->end - match->begin, size) << "pattern " << static_cast<int>(pattern) << " at " << at << " of " << text;
        at += size;
      }
    }
  }
}

TEST(Regex, constructs_that_would_be_read_differently_are_refused_by_name) {
  const std::vector<std::array<std::string, 2>> cases{
      {R"(\p{N}{1,3}+)", "a quantifier behind an interval"}, {R"(a{3}?)", "a quantifier behind an interval"},
      {R"([a[b]])", "a class inside a class"},                {R"([[:alpha:]])", "a class inside a class"},
      {R"([a&&b])", "the class operator \"&&\""},             {R"([]a])", "a class that begins with \"]\""},
      {R"([\H])", "a negated class escape inside a class"},   {R"(\R)", "the escape \"\\R\""},
      {R"((a)\1)", "the escape \"\\1\""},                    {R"(a(?i)b)", "the group \"(?i)\""},
      {R"((?<name>a))", "the group \"(?<n\""},               {R"(\pL)", "a property without braces"},
      {R"(\xFF)", "the escape \"\\xFF\""},                   {"a\\", "a trailing backslash"},
  };
  for (const auto& [pattern, reason] : cases) {
    const auto regex = Regex::compile(pattern);
    ASSERT_FALSE(regex) << pattern;
    EXPECT_EQ(regex.error().message, "bad regular expression \"" + pattern + "\": " + reason + " is not supported");
  }
}

TEST(Regex, escapes_mean_what_they_mean_to_oniguruma) {
  const auto matches = [](std::string_view pattern, std::string_view text) {
    const auto regex = Regex::compile(pattern);
    EXPECT_TRUE(regex) << pattern;
    const auto match = regex ? regex->find(text, 0) : std::nullopt;
    return match ? std::string(text.substr(match->begin, match->end - match->begin)) : "-";
  };
  EXPECT_EQ(matches(R"(\h+)", "xyAf0g"), "Af0");
  EXPECT_EQ(matches(R"(\H)", "af "), " ");
  EXPECT_EQ(matches(R"(\v)", "\n\v"), "\v");
  EXPECT_EQ(matches(R"(\s)", "\u180E\u3000"), "\u3000");
  EXPECT_EQ(matches(R"(\bword\b)", "sword word"), "word");
  EXPECT_EQ(matches(R"(\Bord)", "ord word"), "ord");
  EXPECT_EQ(matches(R"(^b$)", "a\nb\nc"), "b");
  EXPECT_EQ(matches(R"(a{,2}b)", "aaab"), "aab");
  EXPECT_EQ(matches(R"(\u00e9{2}x{)", "\u00e9\u00e9x{"), "\u00e9\u00e9x{");
  EXPECT_EQ(matches(R"((?i)K+)", "k\u212AK"), "k\u212AK");
  EXPECT_EQ(matches(R"(\p{^L}+)", "ab12"), "12");
  EXPECT_EQ(matches(R"([^\W_]+)", "__a1_"), "a1");
  EXPECT_EQ(matches(R"(\p{Lo}+)", "\U0002EBF0"), "\U0002EBF0");
}

TEST(Utf8, decoding_replaces_maximal_subparts) {
  EXPECT_EQ(to_valid_utf8("\xF0\x9F\x98"), "\uFFFD");
  EXPECT_EQ(to_valid_utf8("\xF0\x9F\x98\x41"), "\uFFFD\x41");
  EXPECT_EQ(to_valid_utf8("\xC0\xAF\xE0\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(complete_utf8_prefix("a\xE2\x82"), 1U);
  EXPECT_EQ(complete_utf8_prefix("a\xE2\x28"), 3U);
  EXPECT_EQ(complete_utf8_prefix("\xC0"), 1U);
  EXPECT_EQ(complete_utf8_prefix(""), 0U);
}

}  // namespace
}  // namespace baton::text
