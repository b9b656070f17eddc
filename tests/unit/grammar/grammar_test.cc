#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "unit/grammar/grammar_support.h"
#include "unit/grammar/schema_checker.h"

namespace baton::grammar {
namespace {

using test::accepts;
using test::Json;
using test::Language;

const Language& language() {
  static const Language words(test::token_list(1500, 1));
  return words;
}

Constraint constraint_of(const Json& item) {
  return {test::kind_of(item["kind"]), item["source"].get<std::string>()};
}

Constraint schema(std::string source) { return {Constraint::Kind::json_schema, std::move(source)}; }

std::string error_of(const Constraint& constraint) {
  const auto compiled = compile(constraint);
  return compiled ? "compiled" : compiled.error().message;
}

TEST(Grammar, accepts_and_rejects_what_independent_oracles_do) {
  for (const Json& item : test::cases()["cases"]) {
    const Matcher matcher = language().matcher(constraint_of(item));
    for (const std::string text : item["accept"]) EXPECT_TRUE(accepts(matcher, text)) << item["name"] << ": " << text;
    for (const std::string text : item["reject"]) EXPECT_FALSE(accepts(matcher, text)) << item["name"] << ": " << text;
  }
}

TEST(Grammar, valid_texts_are_accepted_however_they_are_cut_into_tokens) {
  std::mt19937 random(2);
  for (const Json& item : test::cases()["cases"]) {
    const Matcher start = language().matcher(constraint_of(item));
    for (const std::string text : item["accept"]) {
      Matcher matcher = start;
      std::string_view rest = text;
      while (!rest.empty()) {
        const auto choices = language().prefixes(rest);
        const TokenId token = choices[random() % choices.size()];
        const auto allowed = language().allowed(matcher);
        ASSERT_TRUE(std::ranges::binary_search(allowed, token)) << item["name"] << ": " << text << " at " << rest;
        ASSERT_TRUE(matcher.accept(token)) << item["name"] << ": " << text << " at " << rest;
        rest.remove_prefix(language().tokens[static_cast<std::size_t>(token)].size());
      }
      EXPECT_TRUE(matcher.may_end()) << item["name"] << ": " << text;
    }
  }
}

/// Follows the mask at random, after some steps by preference to what closes things. Nothing: no end came in sight.
std::optional<std::string> random_text(const Matcher& start, std::mt19937& random, std::size_t patience) {
  Matcher matcher = start;
  std::string text;
  for (std::size_t step = 0; !matcher.must_end(); ++step) {
    const auto allowed = language().allowed(matcher);
    if (allowed.empty()) throw std::runtime_error("stuck after " + text);
    TokenId token = allowed[random() % allowed.size()];
    if (step >= patience) {
      static const std::string kClosing = "\"}],:";
      if (matcher.may_end()) return text;
      for (const TokenId other : allowed) {
        const std::string& bytes = language().tokens[static_cast<std::size_t>(other)];
        if (bytes.size() == 1 && kClosing.find(bytes) < kClosing.find(language().tokens[static_cast<std::size_t>(token)])) token = other;
      }
      if (step > patience + 500) return std::nullopt;
    }
    if (!matcher.accept(token)) throw std::runtime_error("an allowed token was refused after " + text);
    if (token == test::kEos) break;
    text += language().tokens[static_cast<std::size_t>(token)];
  }
  EXPECT_TRUE(matcher.may_end());
  return text;
}

TEST(Grammar, random_walks_end_in_valid_texts) {
  std::mt19937 random(3);
  int ended = 0, walks = 0;
  for (const Json& item : test::cases()["cases"]) {
    const Matcher start = language().matcher(constraint_of(item));
    for (int walk = 0; walk < 60; ++walk) {
      const auto walked = random_text(start, random, random() % 60);
      ++walks;
      if (!walked) continue;
      ++ended;
      const std::string& text = *walked;
      if (item["kind"] == "json_schema") {
        const auto value = Json::parse(text, nullptr, false);
        ASSERT_FALSE(value.is_discarded()) << item["name"] << ": " << text;
        ASSERT_TRUE(test::is_valid(value, Json::parse(item["source"].get<std::string>()))) << item["name"] << ": " << text;
      } else if (item["kind"] == "json_object") {
        const auto value = Json::parse(text, nullptr, false);
        ASSERT_TRUE(value.is_object()) << text;
      } else {
        ASSERT_TRUE(accepts(start, text)) << item["name"] << ": " << text;
      }
    }
  }
  EXPECT_GT(ended * 100, walks * 95);  // a pattern that must come somewhere may never come by chance
}

TEST(Grammar, the_walks_judge_agrees_with_the_oracle) {
  for (const Json& item : test::cases()["cases"]) {
    if (item["kind"] != "json_schema") continue;
    const Json judged = Json::parse(item["source"].get<std::string>());
    for (const std::string text : item["accept"]) EXPECT_TRUE(test::is_valid(Json::parse(text), judged)) << text;
    for (const std::string text : item["reject"]) {
      const auto value = Json::parse(text, nullptr, false);
      const bool spaced = text.starts_with(" ") || text.ends_with(" ") || text.find('\n') != std::string::npos;
      if (value.is_discarded() || spaced) continue;
      EXPECT_FALSE(test::is_valid(value, judged)) << item["name"] << ": " << text;
    }
  }
}

TEST(Grammar, the_mask_holds_exactly_the_tokens_that_would_be_accepted) {
  std::mt19937 random(4);
  for (const Json& item : test::cases()["cases"]) {
    Matcher matcher = language().matcher(constraint_of(item));
    for (int step = 0; step < 12 && !matcher.must_end(); ++step) {
      const auto allowed = language().allowed(matcher);
      std::vector<TokenId> tried;
      for (std::size_t t = 0; t < language().tokens.size(); ++t) {
        Matcher copy = matcher;
        if (copy.accept(static_cast<TokenId>(t))) tried.push_back(static_cast<TokenId>(t));
      }
      ASSERT_EQ(allowed, tried) << item["name"] << " at step " << step;
      const TokenId next = allowed[random() % allowed.size()];
      if (next == test::kEos) break;
      ASSERT_TRUE(matcher.accept(next));
    }
  }
}

TEST(Grammar, nesting_ends_before_the_stack_is_full) {
  const Matcher start = language().matcher({Constraint::Kind::json_object, ""});
  const auto nested = [](int depth) {
    std::string text = "{\"a\":";
    for (int i = 0; i < depth; ++i) text += "[";
    for (int i = 0; i < depth; ++i) text += "]";
    return text + "}";
  };
  EXPECT_TRUE(accepts(start, nested(40)));
  EXPECT_TRUE(accepts(start, nested(64)));
  EXPECT_FALSE(accepts(start, nested(65)));
  // Whoever opens as much as possible can still close it all.
  Matcher matcher = start;
  for (const char c : std::string("{\"a\":")) ASSERT_TRUE(matcher.accept(static_cast<TokenId>(2 + c)));
  int opened = 0;
  while (matcher.accept(static_cast<TokenId>(2 + '['))) ++opened;
  EXPECT_EQ(opened, 64);
  EXPECT_EQ(language().allowed(matcher).size() > 0, true);
  while (matcher.accept(static_cast<TokenId>(2 + ']'))) --opened;
  EXPECT_EQ(opened, 0);
  EXPECT_TRUE(matcher.accept(static_cast<TokenId>(2 + '}')));
  EXPECT_TRUE(matcher.must_end());
}

TEST(Grammar, eos_is_allowed_exactly_where_the_text_may_end) {
  Matcher matcher = language().matcher({Constraint::Kind::regex, "ab?"});
  EXPECT_FALSE(matcher.may_end());
  EXPECT_FALSE(matcher.accept(test::kEos));
  EXPECT_TRUE(matcher.accept(2 + 'a'));
  EXPECT_TRUE(matcher.may_end());
  EXPECT_FALSE(matcher.must_end());
  EXPECT_EQ(language().allowed(matcher).front(), test::kEos);
  Matcher ended = matcher;
  EXPECT_TRUE(ended.accept(test::kEos));
  EXPECT_TRUE(ended.must_end());
  EXPECT_FALSE(ended.accept(2 + 'b'));
  EXPECT_TRUE(matcher.accept(2 + 'b'));
  EXPECT_TRUE(matcher.must_end());
  EXPECT_EQ(language().allowed(matcher), std::vector<TokenId>{test::kEos});
}

TEST(Grammar, tokens_outside_the_vocabulary_or_without_bytes_are_refused) {
  Matcher matcher = language().matcher({Constraint::Kind::regex, ".*"});
  for (const TokenId token : {-1, 1, static_cast<TokenId>(language().tokens.size())}) EXPECT_FALSE(matcher.accept(token)) << token;
  std::vector<std::uint64_t> wide((language().tokens.size() + 63) / 64 + 2, ~std::uint64_t{0});
  EXPECT_TRUE(matcher.mask(wide));
  EXPECT_EQ(wide.back(), 0U);
}

TEST(Grammar, a_vocabulary_that_cannot_spell_the_text_allows_nothing) {
  const auto compiled = compile({Constraint::Kind::regex, "xyz"});
  const Matcher matcher(bind(*compiled, make_vocabulary({"", "a", "b"}, {})));
  std::vector<std::uint64_t> bits(1);
  EXPECT_FALSE(matcher.mask(bits));
}

TEST(Grammar, schemas_that_cannot_be_kept_are_refused_with_their_place) {
  for (const Json& item : test::cases()["refused"]) {
    const auto compiled = compile(schema(item["source"]));
    ASSERT_FALSE(compiled) << item["source"];
    EXPECT_EQ(compiled.error().code, Errc::invalid_request);
    const auto at = item["at"].get<std::string>();
    if (at.empty()) continue;
    EXPECT_NE(compiled.error().message.find("at " + at + ":"), std::string::npos) << compiled.error().message;
  }
}

TEST(Grammar, expressions_that_are_not_regular_or_not_expressions_are_refused) {
  for (const std::string pattern : test::cases()["bad_regexes"]) {
    const auto compiled = compile({Constraint::Kind::regex, pattern});
    ASSERT_FALSE(compiled) << pattern;
    EXPECT_EQ(compiled.error().code, Errc::invalid_request);
  }
  EXPECT_NE(error_of({Constraint::Kind::regex, "ab(c"}).find("offset 4"), std::string::npos);
  EXPECT_EQ(error_of({Constraint::Kind::regex, std::string("\xff")}), "invalid UTF-8 at offset 0 of the regular expression");
}

TEST(Grammar, sources_that_are_no_json_are_refused) {
  for (const char* source : {"", "{", "[1,]", "\xff", "{}x"}) {
    EXPECT_NE(error_of(schema(source)).find("schema: not valid JSON"), std::string::npos) << source;
  }
  EXPECT_NE(error_of(schema(std::string(300, '['))).find("nested"), std::string::npos);
  EXPECT_NE(error_of(schema(std::string(300'000, ' '))).find("longer"), std::string::npos);
  for (const char* source : {"", "{}", "[]", "[1]", "[\"\"]", "[\"a\", null]"}) {
    EXPECT_NE(error_of({Constraint::Kind::choice, source}).find("choice: "), std::string::npos) << source;
  }
  EXPECT_FALSE(compile({}));
}

TEST(Grammar, hostile_sources_cost_little) {
  std::string doubling = R"({"$ref":"#/$defs/a0","$defs":{)";
  for (int i = 0; i < 40; ++i) {
    const std::string next = std::to_string(i + 1);
    doubling += "\"a" + std::to_string(i) + R"(":{"type":"array","minItems":2,"prefixItems":[{"$ref":"#/$defs/a)" + next +
                R"("},{"$ref":"#/$defs/a)" + next + "\"}]},";
  }
  doubling += R"("a40":{"type":"null"}}})";
  std::string many = R"({"type":"object","properties":{)";
  for (int i = 0; i < 1000; ++i) many += "\"property" + std::to_string(i) + R"(":{"type":"string","maxLength":100},)";
  many.back() = '}';
  many += "}";
  std::string ambiguous = R"({"$defs":{"b":{"type":"array","items":{"anyOf":[{"$ref":"#/$defs/b"},{"$ref":"#/$defs/c"}]}},
    "c":{"type":"array","items":{"anyOf":[{"$ref":"#/$defs/b"},{"$ref":"#/$defs/c"}]}}},"anyOf":[{"$ref":"#/$defs/b"},{"$ref":"#/$defs/c"}]})";
  std::string selfish = R"({"anyOf":[{"$ref":"#"},{"$ref":"#"},{"$ref":"#"}],"type":"object","properties":{"a":{"$ref":"#"}}})";
  const std::vector<Constraint> hostile{
      schema(doubling), schema(many), schema(ambiguous), schema(selfish),
      {Constraint::Kind::regex, "(a|b)*a(a|b){30}"}, {Constraint::Kind::regex, "(((a{100}){100}){100}){100}"},
      {Constraint::Kind::regex, "(a?){1000}a{1000}"}, {Constraint::Kind::regex, std::string(60, '(') + std::string(60, ')')},
      {Constraint::Kind::regex, "((((((x*)*)*)*)*)*)*"}};
  for (const Constraint& constraint : hostile) {
    const auto begin = std::chrono::steady_clock::now();
    const auto compiled = compile(constraint);
    if (compiled) {
      Matcher matcher(bind(*compiled, language().vocabulary));
      for (int i = 0; i < 30; ++i) {
        const auto allowed = language().allowed(matcher);
        if (allowed.empty() || !matcher.accept(allowed.back())) break;
      }
    }
    const auto elapsed = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(elapsed, std::chrono::seconds(20)) << constraint.source.substr(0, 60);
  }
}

TEST(Compiler, constraints_are_compiled_once_and_errors_come_through) {
  Compiler compiler(language().vocabulary);
  EXPECT_FALSE(compiler.prepare(schema("{")));
  EXPECT_FALSE(compiler.matcher(schema("{")));
  ASSERT_TRUE(compiler.prepare({Constraint::Kind::json_object, ""}));
  for (int i = 0; i < 40; ++i) {  // more than are kept
    auto matcher = compiler.matcher({Constraint::Kind::regex, "a{" + std::to_string(i + 1) + "}"});
    ASSERT_TRUE(matcher);
    EXPECT_TRUE(matcher->accept(2 + 'a'));
  }
  auto again = compiler.matcher({Constraint::Kind::json_object, ""});
  ASSERT_TRUE(again);
  EXPECT_TRUE(accepts(*again, "{}"));
}

}  // namespace
}  // namespace baton::grammar
