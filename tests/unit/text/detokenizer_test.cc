#include "text/detokenizer.h"

#include <gtest/gtest.h>

#include "text/utf8.h"
#include "unit/text/golden.h"

namespace baton::text {
namespace {

Tokenizer load(const char* name) {
  auto tokenizer = Tokenizer::load(data_path(std::string(name) + ".tokenizer.json"));
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return *std::move(tokenizer);
}

// The ids of single bytes in the byte-level and the byte-fallback vocabularies.
TokenId byte_id(const Tokenizer& tokenizer, unsigned byte) {
  for (TokenId id = 0; id < static_cast<TokenId>(tokenizer.vocab_size()); ++id) {
    const std::string_view bytes = tokenizer.token_bytes(id);
    if (bytes.size() == 1 && static_cast<unsigned char>(bytes[0]) == byte) return id;
  }
  ADD_FAILURE() << "no token for byte " << byte;
  return 0;
}

std::vector<std::string> feed_bytes(const Tokenizer& tokenizer, const std::vector<unsigned>& bytes) {
  IncrementalDetokenizer stream(tokenizer);
  std::vector<std::string> parts;
  for (const unsigned b : bytes) parts.push_back(stream.feed(byte_id(tokenizer, b)));
  parts.push_back(stream.finish());
  return parts;
}

using Parts = std::vector<std::string>;

TEST(IncrementalDetokenizer, holds_an_unfinished_character_until_it_is_complete) {
  EXPECT_EQ(feed_bytes(load("llama3"), {0xF0, 0x9F, 0x98, 0x80, 'a'}), (Parts{"", "", "", "😀", "a", ""}));
}

TEST(IncrementalDetokenizer, replaces_each_invalid_maximal_subpart_by_one_mark) {
  const Tokenizer tokenizer = load("llama3");
  EXPECT_EQ(feed_bytes(tokenizer, {0xE2, 0x82, 'a'}), (Parts{"", "", "\uFFFDa", ""}));
  EXPECT_EQ(feed_bytes(tokenizer, {0x80, 0xFF}), (Parts{"\uFFFD", "\uFFFD", ""}));
  EXPECT_EQ(feed_bytes(tokenizer, {0xED, 0xA0, 0x80}), (Parts{"", "\uFFFD\uFFFD", "\uFFFD", ""}));
  EXPECT_EQ(feed_bytes(tokenizer, {0xF0, 0xF0, 0x9F, 0x98, 0x80}), (Parts{"", "\uFFFD", "", "", "😀", ""}));
}

TEST(IncrementalDetokenizer, flushes_an_unfinished_character_as_one_mark) {
  EXPECT_EQ(feed_bytes(load("llama3"), {'a', 0xF0, 0x9F, 0x98}), (Parts{"a", "", "", "", "\uFFFD"}));
}

TEST(IncrementalDetokenizer, a_model_that_means_the_replacement_character_is_not_held_back) {
  EXPECT_EQ(feed_bytes(load("llama3"), {0xEF, 0xBF, 0xBD}), (Parts{"", "", "\uFFFD", ""}));
}

TEST(IncrementalDetokenizer, byte_fallback_tokens_join_to_characters) {
  EXPECT_EQ(feed_bytes(load("llama2"), {0xF0, 0x9F, 0x98, 0x80}), (Parts{"", "", "", "😀", ""}));
}

TEST(IncrementalDetokenizer, special_tokens_show_only_when_asked_for) {
  const Tokenizer tokenizer = load("llama3");
  const TokenId eot = tokenizer.id_of("<|eot_id|>").value();
  ASSERT_TRUE(tokenizer.is_special(eot));
  IncrementalDetokenizer hidden(tokenizer);
  EXPECT_EQ(hidden.feed(eot), "");
  IncrementalDetokenizer shown(tokenizer, {.skip_special = false});
  EXPECT_EQ(shown.feed(eot), "<|eot_id|>");
}

TEST(IncrementalDetokenizer, a_special_token_inside_a_character_does_not_lose_its_bytes) {
  const Tokenizer tokenizer = load("llama3");
  IncrementalDetokenizer stream(tokenizer);
  EXPECT_EQ(stream.feed(byte_id(tokenizer, 0xC3)), "");
  EXPECT_EQ(stream.feed(tokenizer.id_of("<|eot_id|>").value()), "");
  EXPECT_EQ(stream.feed(byte_id(tokenizer, 0xA9)), "é");
}

TEST(IncrementalDetokenizer, sentencepiece_drops_the_first_space_of_a_text_only) {
  const Tokenizer tokenizer = load("llama2");
  const auto ids = tokenizer.encode("world");
  IncrementalDetokenizer fresh(tokenizer);
  IncrementalDetokenizer continued(tokenizer, {.continues_text = true});
  std::string whole;
  std::string more;
  for (const TokenId id : ids) {
    whole += fresh.feed(id);
    more += continued.feed(id);
  }
  EXPECT_EQ(whole, "world");
  EXPECT_EQ(more, " world");
}

TEST(IncrementalDetokenizer, ids_outside_the_vocabulary_add_nothing) {
  const Tokenizer tokenizer = load("qwen25");
  EXPECT_EQ(tokenizer.decode(std::vector<TokenId>{-1, 1 << 30, static_cast<TokenId>(tokenizer.vocab_size())}), "");
}

TEST(IncrementalDetokenizer, streamed_pieces_are_valid_and_add_up_to_the_whole_for_every_golden_text) {
  const Value texts = read_json("texts.json");
  for (const char* name : {"llama3", "qwen25", "tekken", "llama2", "mistral_v3"}) {
    const Tokenizer tokenizer = load(name);
    for (const Value& text : texts.items()) {
      const auto ids = tokenizer.encode(text.string());
      IncrementalDetokenizer stream(tokenizer);
      std::string streamed;
      for (const TokenId id : ids) {
        const std::string part = stream.feed(id);
        ASSERT_TRUE(is_valid_utf8(part));
        streamed += part;
      }
      streamed += stream.finish();
      ASSERT_EQ(streamed, tokenizer.decode(ids));
    }
  }
}

}  // namespace
}  // namespace baton::text
