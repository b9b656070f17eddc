// Every supported stage of tokenizer.json, in combinations, must give exactly the ids and texts of Hugging Face tokenizers
// (tests/data/text/make_pipeline_goldens.py).
#include <gtest/gtest.h>

#include <cstdlib>

#include "text/detokenizer.h"
#include "unit/text/golden.h"

namespace baton::text {
namespace {

std::string with(std::string json, std::string_view placeholder, const std::string& part) {
  const std::size_t at = json.find(placeholder);
  EXPECT_NE(at, std::string::npos);
  return json.replace(at, placeholder.size(), part);
}

Tokenizer tokenizer_of(const Value& row, const Value& golden) {
  const Value& base = *golden.find("bases")->find(row.find("base")->string());
  std::string json = with(row.find("tokenizer")->string(), R"("@VOCAB@")", base.find("vocab")->string());
  json = with(std::move(json), R"("@MERGES@")", base.find("merges")->string());
  auto tokenizer = Tokenizer::from_json(json);
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return std::move(tokenizer).value();
}

std::string streamed(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, DetokenizerOptions options) {
  IncrementalDetokenizer detokenizer(tokenizer, options);
  std::string text;
  for (const TokenId id : ids) text += detokenizer.feed(id);
  return text + detokenizer.finish();
}

void check_row(const Value& row, const Value& golden) {
  SCOPED_TRACE(row.find("name")->string());
  const Tokenizer tokenizer = tokenizer_of(row, golden);
  const auto& texts = golden.find("texts")->items();
  int wrong = 0;
  for (std::size_t i = 0; i < texts.size() && wrong < 5; ++i) {
    const std::string& text = texts[i].string();
    const auto ids = tokenizer.encode(text);
    if (row.find("ids")->items()[i].is(Value::Kind::null)) continue;  // the reference fails
    const auto wanted = ids_of(row.find("ids")->items()[i]);
    EXPECT_EQ(ids, wanted) << "case " << i << ": " << text;
    const Value& decoded = row.find("decoded")->items()[i];
    const std::string back = tokenizer.decode(wanted);
    EXPECT_EQ(back, decoded.is(Value::Kind::null) ? text : decoded.string()) << "case " << i;
    EXPECT_EQ(streamed(tokenizer, wanted, {.skip_special = true}), back) << "case " << i;
    wrong += testing::Test::HasFailure() ? 1 : 0;
  }
  for (const Value& loose : row.find("loose")->items()) {
    const auto ids = ids_of(*loose.find("ids"));
    EXPECT_EQ(tokenizer.decode(ids), loose.find("text")->string());
    EXPECT_EQ(streamed(tokenizer, ids, {.skip_special = false}), loose.find("all")->string());
  }
  EXPECT_EQ(tokenizer.encode("the end", {.add_special_tokens = true}), ids_of(*row.find("wrapped")));
}

TEST(TokenizerPipelines, every_stage_does_what_the_reference_does) {
  const char* other = std::getenv("BATON_PIPELINE_GOLDENS");  // a longer comparison made by the script
  const Value golden = other == nullptr ? read_json("pipelines.json") : read_file(other);
  const auto& rows = golden.find("pipelines")->items();
  ASSERT_GT(rows.size(), 50U);
  for (const Value& row : rows) check_row(row, golden);
}

}  // namespace
}  // namespace baton::text
