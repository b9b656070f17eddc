#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>

#include "engine/token_filter.h"
#include "support/engine_harness.h"

namespace baton::engine {
namespace {

using test::EngineHarness;
using test::FakeModel;
using test::Outcome;

constexpr TokenId kEos = 0;
constexpr TokenId byte_token(char c) { return 2 + static_cast<unsigned char>(c); }

/// EOS, a special token, every byte, a few words.
std::vector<std::string> token_bytes() {
  std::vector<std::string> tokens{"", ""};
  for (int byte = 0; byte < 256; ++byte) tokens.push_back(std::string(1, static_cast<char>(byte)));
  for (const char* word : {"yes", "no", "{\"", "\":", "\"}", "true", "false", "null", "ab", "12"}) tokens.emplace_back(word);
  return tokens;
}

FakeModel fake() { return {.vocab = 268, .max_context = 512, .eos_tokens = {kEos}}; }

EngineOptions options(std::int32_t blocks = 64) {
  return {.max_batch = 8,
          .chunk_tokens = 16,
          .block_tokens = 4,
          .blocks = blocks,
          .grammars = std::make_shared<grammar::Compiler>(grammar::make_vocabulary(token_bytes(), {kEos}))};
}

GenerationSpec constrained(Constraint constraint, std::uint64_t seed) {
  GenerationSpec spec;
  for (std::int32_t i = 0; i < 10; ++i) spec.tokens.push_back(static_cast<TokenId>(3 + (i * 7 + static_cast<std::int32_t>(seed)) % 200));
  spec.sampling = {.temperature = 1.0F, .seed = seed, .max_tokens = 100, .constraint = std::move(constraint)};
  return spec;
}

const char* const kSchema =
    R"({"type":"object","properties":{"ok":{"type":"boolean"},"n":{"type":"integer","minimum":0,"maximum":99},)"
    R"("s":{"type":"string","pattern":"^[ab]{1,4}$"}},"required":["ok","s"],"additionalProperties":false})";
const Constraint kObject{Constraint::Kind::json_schema, kSchema};
const Constraint kWords{Constraint::Kind::choice, R"(["yes","no","yes12"])"};

std::string text_of(const std::vector<TokenOut>& tokens) {
  const auto bytes = token_bytes();
  std::string text;
  for (const TokenOut& token : tokens) text += bytes[static_cast<std::size_t>(token.token)];
  return text;
}

bool satisfies(const std::string& text, const Constraint& constraint) {
  auto matcher = options().grammars->matcher(constraint);
  for (const char c : text) {
    if (!matcher->accept(byte_token(c))) return false;
  }
  return matcher->may_end();
}

Outcome alone(const GenerationSpec& spec) {
  EngineHarness harness(options(), fake());
  const auto id = harness.engine->generate(spec);
  EXPECT_TRUE(id) << id.error().message;
  harness.run();
  EXPECT_TRUE(harness.all_blocks_back());
  return harness.of(*id);
}

TEST(ConstrainedOutput, satisfies_its_schema_and_stops_where_nothing_can_follow) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    auto spec = constrained(kObject, seed);
    spec.sampling.temperature = seed % 4 == 0 ? 0.0F : 1.0F;
    spec.sampling.ignore_eos = seed % 2 == 0;
    spec.sampling.min_tokens = seed % 3 == 0 ? 90 : 0;
    const Outcome outcome = alone(spec);
    ASSERT_FALSE(outcome.tokens.empty());
    EXPECT_TRUE(satisfies(text_of(outcome.tokens), kObject)) << text_of(outcome.tokens);
    EXPECT_EQ(outcome.tokens.back().finish, FinishReason::stop);
    EXPECT_FALSE(outcome.tokens.back().stop_token);  // the closing brace is shown
  }
}

TEST(ConstrainedOutput, eos_ends_it_where_more_could_follow) {
  int by_eos = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    auto spec = constrained({Constraint::Kind::regex, "[ab]{1,}"}, seed);
    spec.sampling.ignore_eos = seed % 2 == 0;
    const Outcome outcome = alone(spec);
    const TokenOut& last = outcome.tokens.back();
    const bool eos = last.token == kEos;
    EXPECT_EQ(last.stop_token, eos);
    EXPECT_EQ(last.finish, eos ? FinishReason::stop : FinishReason::length);
    by_eos += eos ? 1 : 0;
    EXPECT_TRUE(satisfies(text_of(outcome.tokens), spec.sampling.constraint)) << text_of(outcome.tokens);
  }
  EXPECT_GT(by_eos, 20);
}

TEST(ConstrainedOutput, is_the_same_split_and_local) {
  for (const Constraint& constraint : {kObject, kWords}) {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      const auto spec = constrained(constraint, seed);
      const Outcome local = alone(spec);
      EngineHarness p(options(), fake()), d(options(), fake());
      const auto prefill = *p.engine->prefill(spec);
      p.run();
      const Outcome first = p.of(prefill);
      ASSERT_EQ(first.tokens.size(), 1U);
      ASSERT_TRUE(test::same_token(first.tokens[0], local.tokens[0]));
      if (first.finished()) continue;
      // D computes the KV itself here: what it decodes is told by its matcher and KV alike.
      auto warm = spec;
      warm.sampling = {.temperature = 0, .max_tokens = 1};
      (void)*d.engine->generate(warm);
      d.run();
      auto rest = spec;
      rest.tokens.push_back(first.tokens[0].token);
      rest.generated = 1;
      const auto decode = *d.engine->generate(rest);
      d.run();
      auto joined = first.tokens;
      joined.insert(joined.end(), d.of(decode).tokens.begin(), d.of(decode).tokens.end());
      EXPECT_TRUE(test::same_output(joined, local.tokens)) << text_of(joined) << " and " << text_of(local.tokens);
    }
  }
}

TEST(ConstrainedOutput, the_first_token_of_a_hand_over_counts) {
  EngineHarness d(options(), fake());
  auto spec = constrained({Constraint::Kind::regex, "a[b]{3}"}, 1);
  const auto reservation = *d.engine->reserve(spec);
  d.engine->commit(reservation.sequence, {.index = 0, .token = byte_token('a')});
  d.run();
  EXPECT_EQ(text_of(d.of(reservation.sequence).tokens), "bbb");

  const auto wrong = *d.engine->reserve(spec);
  d.engine->commit(wrong.sequence, {.index = 0, .token = byte_token('b')});
  d.run();
  ASSERT_EQ(d.of(wrong.sequence).failures.size(), 1U);
  EXPECT_EQ(d.of(wrong.sequence).failures[0].code, Errc::transfer_failed);
  EXPECT_TRUE(d.all_blocks_back());
}

TEST(ConstrainedOutput, a_replay_goes_on_where_it_was) {
  const auto spec = constrained(kObject, 5);
  const Outcome whole = alone(spec);
  for (std::size_t cut = 1; cut < whole.tokens.size(); ++cut) {
    auto replay = spec;
    for (std::size_t i = 0; i < cut; ++i) replay.tokens.push_back(whole.tokens[i].token);
    replay.generated = static_cast<std::int32_t>(cut);
    const Outcome rest = alone(replay);
    auto joined = std::vector(whole.tokens.begin(), whole.tokens.begin() + static_cast<std::ptrdiff_t>(cut));
    joined.insert(joined.end(), rest.tokens.begin(), rest.tokens.end());
    EXPECT_TRUE(test::same_output(joined, whole.tokens)) << cut;
  }
}

TEST(ConstrainedOutput, survives_preemption_and_company) {
  EngineHarness harness(options(18), fake());
  std::vector<std::pair<SequenceId, GenerationSpec>> all;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    auto spec = constrained(seed % 3 == 2 ? Constraint{} : kObject, seed);
    spec.sampling.max_tokens = 40;
    all.emplace_back(*harness.engine->generate(spec), spec);
  }
  harness.run();
  EXPECT_GT(harness.engine->load().preemptions, 0U);
  for (const auto& [id, spec] : all) EXPECT_TRUE(test::same_output(harness.of(id).tokens, alone(spec).tokens));
}

TEST(ConstrainedOutput, impossible_demands_are_refused_or_fail) {
  EngineHarness harness(options(), fake());
  const auto code_of = [&](const GenerationSpec& spec) {
    const auto made = harness.engine->generate(spec);
    const auto reserved = harness.engine->reserve(spec);
    EXPECT_EQ(made.has_value(), reserved.has_value());
    return made ? Errc::ok : made.error().code;
  };
  EXPECT_EQ(code_of(constrained({Constraint::Kind::json_schema, "{"}, 1)), Errc::invalid_request);
  auto replay = constrained(kWords, 1);
  replay.tokens.push_back(byte_token('x'));
  replay.generated = 1;
  EXPECT_EQ(code_of(replay), Errc::invalid_request);
  auto outside = constrained({}, 1);
  outside.sampling.allowed_token_ids = {268};
  EXPECT_EQ(code_of(outside), Errc::invalid_request);
  outside.sampling.allowed_token_ids = {};
  outside.sampling.bad_words = {{1, -1}};
  EXPECT_EQ(code_of(outside), Errc::invalid_request);

  auto plain = options();
  plain.grammars = nullptr;
  EngineHarness without(plain, fake());
  EXPECT_EQ(without.engine->generate(constrained(kWords, 1)).error().code, Errc::unsupported_parameter);

  auto mute = options();
  mute.grammars = std::make_shared<grammar::Compiler>(grammar::make_vocabulary({"", "", "x"}, {kEos}));
  EngineHarness speechless(mute, fake());
  const auto id = *speechless.engine->generate(constrained(kWords, 1));
  speechless.run();
  ASSERT_EQ(speechless.of(id).failures.size(), 1U);
  EXPECT_EQ(speechless.of(id).failures[0].code, Errc::invalid_request);
  EXPECT_TRUE(speechless.all_blocks_back());
}

// ---- TokenFilter and what the engine makes of it ----

std::vector<TokenId> allowed_by(const SamplingParams& params, std::vector<TokenId> output, std::vector<std::uint64_t> constraint = {}) {
  TokenFilter filter(70, {kEos});
  std::vector<TokenId> tokens{9, 8};
  tokens.insert(tokens.end(), output.begin(), output.end());
  const auto bits = filter.allowed({.logits = {}, .tokens = tokens, .prompt_tokens = 2, .params = params, .constraint = constraint});
  std::vector<TokenId> out;
  for (TokenId t = 0; t < 70 && !bits.empty(); ++t) {
    if (contains(bits, t)) out.push_back(t);
  }
  return out;
}

TEST(TokenFilter, says_nothing_without_rules) { EXPECT_TRUE(allowed_by({}, {}).empty()); }

TEST(TokenFilter, keeps_allowed_tokens_only) {
  EXPECT_EQ(allowed_by({.allowed_token_ids = {69, 3, 3, 64}}, {}), (std::vector<TokenId>{3, 64, 69}));
}

TEST(TokenFilter, never_completes_a_bad_word) {
  const SamplingParams params{.bad_words = {{5}, {1, 2, 3}, {9, 8, 7}}};
  EXPECT_EQ(allowed_by(params, {}).size(), 69U);
  EXPECT_EQ(allowed_by(params, {4, 1, 2}).size(), 68U);
  EXPECT_EQ(allowed_by(params, {1, 2, 4}).size(), 69U);
  EXPECT_EQ(std::ranges::count(allowed_by(params, {4, 1, 2}), 3), 0);
  EXPECT_EQ(std::ranges::count(allowed_by(params, {}), 7), 1);  // the prompt does not count
}

TEST(TokenFilter, holds_back_ends_before_min_tokens) {
  const SamplingParams params{.min_tokens = 2, .stop_token_ids = {69, -1, 1000}};
  EXPECT_EQ(allowed_by(params, {1}).size(), 68U);
  EXPECT_TRUE(allowed_by(params, {1, 1}).empty());
}

TEST(TokenFilter, passes_over_a_rule_that_leaves_nothing) {
  const std::vector<std::uint64_t> constraint{0b1001, 0};  // EOS and 3
  EXPECT_EQ(allowed_by({.allowed_token_ids = {5}}, {}, constraint), (std::vector<TokenId>{0, 3}));
  EXPECT_EQ(allowed_by({.allowed_token_ids = {3}, .bad_words = {{3}}}, {}, constraint), std::vector<TokenId>{3});
  EXPECT_EQ(allowed_by({.min_tokens = 5}, {}, constraint), std::vector<TokenId>{3});
  EXPECT_EQ(allowed_by({.min_tokens = 5, .bad_words = {{3}}}, {}, constraint), std::vector<TokenId>{0});
}

TEST(Sampling, draws_an_allowed_token_even_where_none_has_a_finite_logit) {
  Sampler sampler(70, {kEos});
  std::vector<float> logits(70, -std::numeric_limits<float>::infinity());
  logits[4] = 1;
  const std::vector<TokenId> tokens{1};
  for (const float temperature : {0.0F, 1.0F}) {
    const SamplingParams params{.temperature = temperature, .logit_bias = {{4, 100.0F}}, .allowed_token_ids = {66, 67}};
    EXPECT_EQ(sampler.sample({.logits = logits, .tokens = tokens, .prompt_tokens = 1, .params = params}).token, 66);
  }
}

}  // namespace
}  // namespace baton::engine
