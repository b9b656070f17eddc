// Who goes first, who waits how long, and that nothing leaks whatever happens.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "support/engine_harness.h"

namespace baton {
namespace {

using engine::SequenceId;
using test::EngineHarness;
using test::RandomSpecs;

GenerationSpec prompt_of(int tokens, int max_tokens, TokenId start = 1) {
  GenerationSpec spec;
  for (int i = 0; i < tokens; ++i) spec.tokens.push_back(1 + (start * 13 + i * (1 + start % 5)) % 60);
  spec.sampling.max_tokens = max_tokens;
  spec.sampling.ignore_eos = true;
  return spec;
}

}  // namespace

TEST(EngineSchedule, a_step_never_has_more_rows_than_its_budget_and_decodes_come_first) {
  EngineHarness h({.max_batch = 16, .chunk_tokens = 20, .block_tokens = 16, .blocks = 200}, {.max_context = 2048});
  std::vector<SequenceId> decoding;
  for (int i = 0; i < 8; ++i) decoding.push_back(*h.engine->generate(prompt_of(4, 100, i)));
  while (h.of(decoding.back()).tokens.empty()) h.step();
  const auto big = *h.engine->generate(prompt_of(600, 4, 9));
  const auto delivered = [&] {
    std::size_t count = 0;
    for (const auto id : decoding) count += h.of(id).tokens.size();
    return count;
  };
  int steps = 0;
  while (h.of(big).tokens.empty()) {
    const std::size_t before = delivered();
    h.step();
    ++steps;
    EXPECT_LE(h.runner.last_rows, 20);
    EXPECT_EQ(delivered(), before + 8);  // a token for each in every step
  }
  EXPECT_EQ(steps, 50);  // 600 rows, 12 a step
}

TEST(EngineSchedule, with_more_sequences_than_rows_prefill_still_moves) {
  EngineHarness h({.max_batch = 64, .chunk_tokens = 4, .block_tokens = 16, .blocks = 200});
  std::vector<SequenceId> all;
  for (int i = 0; i < 20; ++i) all.push_back(*h.engine->generate(prompt_of(30, 30, i)));
  while (h.step()) EXPECT_LE(h.runner.last_rows, 4);
  for (const auto id : all) EXPECT_EQ(h.of(id).tokens.size(), 30U);
}

TEST(EngineSchedule, a_short_prompt_overtakes_a_long_one_between_chunks) {
  EngineHarness h({.max_batch = 8, .chunk_tokens = 32, .block_tokens = 16, .blocks = 200}, {.max_context = 2048});
  const auto big = *h.engine->generate(prompt_of(1600, 2, 1));
  h.step();
  const auto quick = *h.engine->generate(prompt_of(20, 1, 2));
  h.step();
  EXPECT_EQ(h.of(quick).tokens.size(), 1U);
  EXPECT_TRUE(h.of(big).tokens.empty());
  h.run();
  EXPECT_EQ(h.of(big).tokens.size(), 2U);
}

TEST(EngineSchedule, a_long_prompt_does_not_starve_behind_a_stream_of_short_ones) {
  EngineHarness h({.max_batch = 8, .chunk_tokens = 32, .block_tokens = 16, .blocks = 400}, {.max_context = 2048});
  const auto big = *h.engine->generate(prompt_of(800, 1, 1));
  std::int64_t overtaken = 0;
  for (int i = 0; h.of(big).tokens.empty(); ++i) {
    ASSERT_LT(i, 10'000);
    const auto quick = *h.engine->generate(prompt_of(32, 1, i));  // a whole step's worth of rows in every step
    h.step();
    overtaken += h.of(quick).tokens.empty() ? 0 : 32;
  }
  EXPECT_GT(overtaken, 0);
  EXPECT_LE(overtaken, 4 * 800);
}

TEST(EngineSchedule, a_prompt_waiting_for_blocks_is_not_passed_over_for_ever) {
  EngineHarness h({.max_batch = 16, .chunk_tokens = 64, .block_tokens = 16, .blocks = 20, .prefix_cache = false});
  for (int i = 0; i < 6; ++i) h.engine->generate(prompt_of(30, 20, i)).value();
  h.step();
  const auto big = *h.engine->generate(prompt_of(18 * 16, 2, 40));
  for (int i = 0; !h.of(big).finished(); ++i) {
    ASSERT_LT(i, 5'000);
    if (h.engine->load().waiting < 10) h.engine->generate(prompt_of(20, 10, i)).value();
    ASSERT_TRUE(h.step());
  }
}

TEST(EngineSchedule, the_latest_arrived_is_preempted_and_the_first_never) {
  EngineHarness h({.max_batch = 8, .chunk_tokens = 64, .block_tokens = 4, .blocks = 16, .prefix_cache = false});
  std::vector<SequenceId> all;
  for (int i = 0; i < 4; ++i) all.push_back(*h.engine->generate(prompt_of(8, 40, i)));
  std::vector<std::size_t> finished_at(4);
  for (std::size_t step = 1; h.step(); ++step) {
    for (std::size_t i = 0; i < 4; ++i) {
      if (h.of(all[i]).finished() && finished_at[i] == 0) finished_at[i] = step;
    }
  }
  EXPECT_GT(h.engine->load().preemptions, 0U);
  EXPECT_EQ(finished_at[0], 40U);  // as if it were alone
  EXPECT_LT(finished_at[0], finished_at[3]);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(
        test::same_output(h.of(all[i]).tokens, test::reference_output(h.model, prompt_of(8, 40, static_cast<int>(i)))));
  }
}

TEST(EngineSchedule, preemption_always_makes_progress) {
  for (int blocks = 4; blocks < 14; ++blocks) {
    EngineHarness h({.max_batch = 8, .chunk_tokens = 8, .block_tokens = 4, .blocks = blocks});
    std::vector<SequenceId> all;
    for (int i = 0; i < 12; ++i) all.push_back(*h.engine->generate(prompt_of(6, 10, i % 3)));
    int steps = 0;
    while (h.step()) ASSERT_LT(++steps, 5'000) << blocks;
    for (const auto id : all) EXPECT_TRUE(h.of(id).finished()) << blocks;
  }
}

TEST(EngineSchedule, blocks_are_conserved_over_any_order_of_events) {
  RandomSpecs random(77);
  EngineHarness h({.max_batch = 6, .chunk_tokens = 24, .block_tokens = 4, .blocks = 60, .max_waiting = 12});
  std::vector<SequenceId> live, reserved, draining;
  const auto take = [&](std::vector<SequenceId>& from) {
    const auto i = static_cast<std::size_t>(random.pick(0, static_cast<int>(from.size()) - 1));
    std::swap(from[i], from.back());
    const SequenceId id = from.back();
    from.pop_back();
    return id;
  };
  for (int event = 0; event < 100'000; ++event) {
    const int what = random.pick(0, 11);
    if (what <= 1) {
      const auto id = what == 0 ? h.engine->generate(random.next(60, 20)) : h.engine->prefill(random.next(60, 20));
      if (id) live.push_back(*id);
    } else if (what == 2) {
      const auto reservation = h.engine->reserve(random.next(60, 20));
      if (reservation) reserved.push_back(reservation->sequence);
    } else if (what == 3 && !live.empty()) {
      h.engine->release(take(live));
    } else if (what == 4 && !reserved.empty()) {
      const SequenceId id = take(reserved);
      h.engine->commit(id, {.token = random.pick(0, 64)});  // 64 is no token
      live.push_back(id);
    } else if (what == 5 && !reserved.empty()) {
      draining.push_back(take(reserved));
      h.engine->drop(draining.back());
    } else if (what == 6 && !draining.empty()) {
      h.engine->drained(take(draining));
    } else if (what == 7 && random.pick(0, 20) == 0) {
      h.runner.fail_next = Error{.code = Errc::internal, .message = "injected"};
    } else {
      h.step();
    }
    const engine::EngineLoad load = h.engine->load();
    ASSERT_LE(load.free_blocks + load.cached_blocks + load.draining_blocks, load.total_blocks);
    ASSERT_GE(std::min({load.free_blocks, load.cached_blocks, load.draining_blocks}), 0);
    ASSERT_EQ(load.reserved, std::ssize(reserved));
  }
  EXPECT_GT(h.engine->load().preemptions, 0U);
  for (const auto id : reserved) h.engine->drop(id), draining.push_back(id);
  for (const auto id : draining) h.engine->drained(id);
  for (const auto id : live) h.engine->release(id);
  EXPECT_TRUE(h.all_blocks_back());
  EXPECT_EQ(h.engine->load().running + h.engine->load().waiting + h.engine->load().reserved, 0);
}

}  // namespace baton
