#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/engine_harness.h"

namespace baton::engine {
namespace {

using test::EngineHarness;
using test::FakeModel;
using test::FakeRunner;

const EngineOptions kOptions{.max_batch = 4, .chunk_tokens = 16, .block_tokens = 4, .blocks = 64};

GenerationSpec scored(std::int32_t length, std::int32_t best) {
  GenerationSpec spec;
  for (std::int32_t i = 0; i < length; ++i) spec.tokens.push_back(1 + (i * 5) % 60);
  spec.sampling = {.temperature = 0, .max_tokens = 4, .ignore_eos = true, .prompt_logprobs = best};
  return spec;
}

/// Runs to the end; the reports of one sequence joined, which must be in order and before its first token.
std::vector<PromptLogprobs::Entry> joined_reports(EngineHarness& harness, SequenceId id) {
  std::vector<PromptLogprobs::Entry> entries;
  while (harness.engine->has_work()) {
    for (const EngineEvent& event : harness.engine->step()) {
      harness.record(event);
      const auto* report = std::get_if<PromptLogprobsEvent>(&event);
      if (report == nullptr || report->sequence != id) continue;
      EXPECT_EQ(report->logprobs.first, std::ssize(entries));
      EXPECT_TRUE(harness.of(id).tokens.empty());
      EXPECT_EQ(harness.of(id).prefilled, 0);
      entries.insert(entries.end(), report->logprobs.tokens.begin(), report->logprobs.tokens.end());
    }
  }
  return entries;
}

void expect_right(const std::vector<PromptLogprobs::Entry>& entries, const GenerationSpec& spec) {
  ASSERT_EQ(std::ssize(entries), spec.prompt_tokens());
  EXPECT_EQ(entries[0].token.token, spec.tokens[0]);
  EXPECT_EQ(entries[0].token.logprob, 0.0F);
  EXPECT_TRUE(entries[0].top.empty());
  for (std::size_t i = 1; i < entries.size(); ++i) {
    const auto logits = FakeRunner::logits_of(FakeModel{}, std::span(spec.tokens).first(i));
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
    const auto token = spec.tokens[i];
    EXPECT_EQ(entries[i].token.token, token);
    EXPECT_NEAR(entries[i].token.logprob, logits[static_cast<std::size_t>(token)] - std::log(sum), 1e-4) << i;
    ASSERT_EQ(std::ssize(entries[i].top), spec.sampling.prompt_logprobs);
    if (!entries[i].top.empty()) {
      const auto best = std::ranges::max_element(logits) - logits.begin();
      EXPECT_EQ(entries[i].top[0].token, best) << i;
    }
  }
}

TEST(PromptLogprobs, every_prompt_token_is_scored_across_chunks) {
  for (const std::int32_t best : {0, 3}) {
    EngineHarness harness(kOptions);
    const auto spec = scored(45, best);
    const auto id = *harness.engine->generate(spec);
    expect_right(joined_reports(harness, id), spec);
    EXPECT_TRUE(harness.all_blocks_back());
  }
}

TEST(PromptLogprobs, a_cached_prefix_hides_none_and_the_output_is_the_same) {
  EngineHarness harness(kOptions);
  auto spec = scored(45, 2);
  auto plain = spec;
  plain.sampling.prompt_logprobs = -1;
  const auto warm = *harness.engine->generate(plain);
  harness.run();
  const auto id = *harness.engine->generate(spec);
  expect_right(joined_reports(harness, id), spec);
  EXPECT_EQ(harness.of(id).cached_tokens, 0);
  EXPECT_TRUE(test::same_output(harness.of(id).tokens, harness.of(warm).tokens));
}

TEST(PromptLogprobs, a_prompt_of_one_token_has_an_empty_entry) {
  EngineHarness harness(kOptions);
  const auto spec = scored(1, 2);
  const auto id = *harness.engine->prefill(spec);
  expect_right(joined_reports(harness, id), spec);
}

TEST(PromptLogprobs, generated_tokens_of_a_replay_are_not_the_prompt) {
  EngineHarness harness(kOptions);
  auto spec = scored(30, 1);
  spec.sampling.max_tokens = 20;
  spec.generated = 12;
  const auto id = *harness.engine->generate(spec);
  expect_right(joined_reports(harness, id), spec);
  EXPECT_EQ(harness.of(id).tokens.front().index, 12);
}

TEST(PromptLogprobs, decode_side_reports_none) {
  EngineHarness harness(kOptions);
  const auto reserved = *harness.engine->reserve(scored(9, 1));
  harness.engine->commit(reserved.sequence, {.index = 0, .token = 5});
  EXPECT_TRUE(joined_reports(harness, reserved.sequence).empty());
  EXPECT_EQ(harness.of(reserved.sequence).tokens.size(), 3U);
}

TEST(PromptLogprobs, batched_with_others_they_are_the_same) {
  EngineHarness harness(kOptions);
  auto other = scored(20, -1);
  (void)*harness.engine->generate(other);
  const auto spec = scored(33, 1);
  const auto id = *harness.engine->generate(spec);
  (void)*harness.engine->generate(scored(7, 2));
  expect_right(joined_reports(harness, id), spec);
}

}  // namespace
}  // namespace baton::engine
