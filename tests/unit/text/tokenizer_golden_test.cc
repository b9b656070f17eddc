// Every golden tokenizer must give exactly the ids and texts of Hugging Face tokenizers (tests/data/text/make_goldens.py).
#include <gtest/gtest.h>

#include <set>

#include "unit/text/golden.h"

namespace baton::text {
namespace {

class TokenizerGolden : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string name = GetParam();
    auto loaded = Tokenizer::load(data_path(name + ".tokenizer.json"));
    ASSERT_TRUE(loaded) << loaded.error().message;
    tokenizer_.emplace(*std::move(loaded));
    golden_ = read_json(name + ".golden.json");
    texts_ = read_json("texts.json");
  }

  const std::vector<Value>& texts() const { return texts_.items(); }
  std::vector<TokenId> expected(std::size_t i) const { return ids_of(golden_.find("ids")->items()[i]); }

  std::optional<Tokenizer> tokenizer_;
  Value golden_;
  Value texts_;
};

TEST_P(TokenizerGolden, encodes_every_text_to_the_same_ids) {
  ASSERT_GE(texts().size(), 2000U);
  int wrong = 0;
  for (std::size_t i = 0; i < texts().size() && wrong < 10; ++i) {
    const std::string& text = texts()[i].string();
    const auto ids = tokenizer_->encode(text);
    EXPECT_EQ(ids, expected(i)) << "case " << i << ": " << text;
    wrong += ids == expected(i) ? 0 : 1;
  }
}

TEST_P(TokenizerGolden, adds_the_same_special_tokens) {
  const auto& rows = golden_.find("with_special")->items();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(tokenizer_->encode(texts()[i].string(), {.add_special_tokens = true}), ids_of(rows[i])) << i;
  }
}

TEST_P(TokenizerGolden, decodes_every_text_to_the_same_text) {
  const Value& changed = *golden_.find("decoded_if_changed");
  std::set<std::int64_t> spaced;
  for (const Value& i : golden_.find("decoded_with_leading_space")->items()) spaced.insert(i.integer());
  for (std::size_t i = 0; i < texts().size(); ++i) {
    const Value* other = changed.find(std::to_string(i));
    const bool space = spaced.contains(static_cast<std::int64_t>(i));
    const std::string want = other != nullptr ? other->string() : (space ? " " : "") + texts()[i].string();
    ASSERT_EQ(tokenizer_->decode(expected(i)), want) << "case " << i << ": " << texts()[i].string();
  }
}

INSTANTIATE_TEST_SUITE_P(Families, TokenizerGolden,
                         testing::Values("llama3", "qwen25", "qwen_marks", "tekken", "gpt2", "other_regex", "llama2",
                                         "mistral_v3"),
                         [](const auto& family) { return std::string(family.param); });

}  // namespace
}  // namespace baton::text
