// The Engine's contract, call by call.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/engine_harness.h"

namespace baton {
namespace {

using engine::EngineOptions;
using engine::LayerDone;
using engine::SequenceId;
using test::EngineHarness;
using test::FakeModel;
using test::FakeRunner;
using test::PoolMemory;

GenerationSpec prompt_of(int tokens, int max_tokens = 8, TokenId start = 1) {
  GenerationSpec spec;
  for (int i = 0; i < tokens; ++i) spec.tokens.push_back(1 + (start + i) % 60);
  spec.sampling.max_tokens = max_tokens;
  spec.sampling.temperature = 0;
  spec.sampling.ignore_eos = true;
  return spec;
}

EngineOptions small() {
  return {.max_batch = 8, .chunk_tokens = 32, .block_tokens = 16, .blocks = 32};
}

}  // namespace

TEST(EngineCreate, refuses_options_that_cannot_work) {
  FakeRunner runner;
  PoolMemory memory(runner, 4, 16), other_size(runner, 4, 32);
  const auto code = [&](EngineOptions options, KvPoolView pool) {
    const auto engine = engine::Engine::create(options, runner, pool);
    return engine ? Errc::ok : engine.error().code;
  };
  EXPECT_EQ(code({.blocks = 4}, memory.view()), Errc::ok);
  EXPECT_EQ(code({.blocks = 0}, memory.view()), Errc::ok);  // takes the pool's
  EXPECT_EQ(code({.blocks = 5}, memory.view()), Errc::config);
  EXPECT_EQ(code({.max_batch = 0, .blocks = 4}, memory.view()), Errc::config);
  EXPECT_EQ(code({.chunk_tokens = 0, .blocks = 4}, memory.view()), Errc::config);
  EXPECT_EQ(code({.blocks = 4, .max_waiting = 0}, memory.view()), Errc::config);
  EXPECT_EQ(code({.block_tokens = 0, .blocks = 4}, memory.view()), Errc::config);
  EXPECT_EQ(code({.blocks = 4}, other_size.view()), Errc::config);
  EXPECT_EQ(code({.blocks = 4}, KvPoolView{.base = nullptr, .layout = memory.view().layout}), Errc::config);
  FakeRunner empty({.vocab = 0});
  EXPECT_EQ(engine::Engine::create({.blocks = 4}, empty, memory.view()).error().code, Errc::config);
}

TEST(EngineGenerate, refuses_what_can_never_run) {
  EngineHarness h(small(), {.max_context = 100});
  const auto error = [&](const GenerationSpec& spec) { return h.engine->generate(spec).error(); };
  const Error too_long = error(prompt_of(100));
  EXPECT_EQ(too_long.code, Errc::context_length_exceeded);
  EXPECT_EQ(too_long.message,
            "This model's maximum context length is 100 tokens. However, your prompt has 100 tokens. Please reduce the "
            "length of the prompt.");
  EXPECT_EQ(error(prompt_of(0)).code, Errc::invalid_request);
  GenerationSpec spec = prompt_of(3);
  spec.generated = 3;
  EXPECT_EQ(error(spec).code, Errc::invalid_request);
  spec.generated = -1;
  EXPECT_EQ(error(spec).code, Errc::invalid_request);
  spec = prompt_of(3);
  spec.tokens[1] = 64;
  EXPECT_EQ(error(spec).code, Errc::invalid_request);
  spec.tokens[1] = -1;
  EXPECT_EQ(error(spec).code, Errc::invalid_request);
  spec = prompt_of(3, 0);
  EXPECT_EQ(error(spec).param, "max_tokens");
  spec = prompt_of(6, 2);
  spec.generated = 2;
  EXPECT_EQ(error(spec).param, "max_tokens");
  spec = prompt_of(3);
  spec.sampling.logit_bias = {{64, 1.0F}};
  EXPECT_EQ(error(spec).param, "logit_bias");
  EXPECT_EQ(h.engine->prefill(prompt_of(100)).error().code, Errc::context_length_exceeded);
  EXPECT_EQ(h.engine->reserve(prompt_of(100)).error().code, Errc::context_length_exceeded);
  EXPECT_FALSE(h.engine->has_work());
}

TEST(EngineGenerate, a_prompt_larger_than_the_pool_is_out_of_blocks) {
  EngineHarness h({.block_tokens = 16, .blocks = 2});
  EXPECT_EQ(h.engine->generate(prompt_of(33)).error().code, Errc::out_of_blocks);
  EXPECT_EQ(h.engine->prefill(prompt_of(33)).error().code, Errc::out_of_blocks);
  EXPECT_EQ(h.engine->reserve(prompt_of(33)).error().code, Errc::out_of_blocks);
  const auto fits = *h.engine->generate(prompt_of(32, 1));
  h.run();
  EXPECT_TRUE(h.of(fits).finished());
}

TEST(EngineGenerate, a_full_queue_is_refused_and_empties) {
  EngineOptions options = small();
  options.max_waiting = 2;
  EngineHarness h(options);
  ASSERT_TRUE(h.engine->generate(prompt_of(4)).has_value());
  ASSERT_TRUE(h.engine->prefill(prompt_of(4)).has_value());
  EXPECT_EQ(h.engine->generate(prompt_of(4)).error().code, Errc::queue_full);
  EXPECT_EQ(h.engine->load().waiting, 2);
  EXPECT_EQ(h.engine->load().waiting_prefill_tokens, 8);
  h.step();
  EXPECT_TRUE(h.engine->generate(prompt_of(4)).has_value());
}

TEST(EngineGenerate, ends_at_max_tokens_or_when_the_context_is_full) {
  EngineHarness h(small(), {.max_context = 20});
  const auto by_tokens = *h.engine->generate(prompt_of(10, 5));
  const auto by_context = *h.engine->generate(prompt_of(10, 50));
  const auto last_place = *h.engine->generate(prompt_of(19, 50));
  h.run();
  EXPECT_EQ(h.of(by_tokens).tokens.size(), 5U);
  EXPECT_EQ(h.of(by_context).tokens.size(), 10U);
  EXPECT_EQ(h.of(last_place).tokens.size(), 1U);
  for (const auto id : {by_tokens, by_context, last_place}) {
    EXPECT_EQ(h.of(id).tokens.back().finish, FinishReason::length);
    EXPECT_FALSE(h.of(id).tokens.back().stop_token);
  }
}

TEST(EngineGenerate, ends_at_eos_and_stop_tokens_after_min_tokens) {
  EngineHarness h(small());
  const auto force = [](TokenId token) {
    GenerationSpec spec = prompt_of(4, 6);
    spec.sampling.ignore_eos = false;
    spec.sampling.logit_bias = {{token, 100.0F}};
    return spec;
  };
  GenerationSpec stop = force(9), late = force(0), ignored = force(0), plain = force(9);
  stop.sampling.stop_token_ids = {9};
  late.sampling.min_tokens = 3;
  ignored.sampling.ignore_eos = true;
  std::vector<SequenceId> ids;
  for (const GenerationSpec& spec : {force(0), stop, late, ignored, plain}) ids.push_back(*h.engine->generate(spec));
  h.run();
  const std::vector<std::size_t> lengths{1, 1, 4, 6, 6};
  for (std::size_t i = 0; i < 5; ++i) {
    const TokenOut& last = h.of(ids[i]).tokens.back();
    EXPECT_EQ(h.of(ids[i]).tokens.size(), lengths[i]) << i;
    EXPECT_EQ(last.finish, i < 3 ? FinishReason::stop : FinishReason::length) << i;
    EXPECT_EQ(last.stop_token, i < 3) << i;
  }
}

TEST(EngineGenerate, reports_prefilled_before_the_first_token_and_frees_blocks_with_the_last) {
  EngineHarness h(small());
  const auto id = *h.engine->generate(prompt_of(40, 2));
  EXPECT_TRUE(h.engine->step().empty());  // 32 of 40 rows
  EXPECT_EQ(h.engine->blocks(id).size(), 3U);
  const auto events = h.engine->step();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<engine::PrefilledEvent>(events[0]));
  EXPECT_TRUE(std::holds_alternative<engine::TokenEvent>(events[1]));
  EXPECT_EQ(h.engine->step().size(), 1U);
  EXPECT_TRUE(h.engine->blocks(id).empty());
  EXPECT_TRUE(h.all_blocks_back());
  EXPECT_FALSE(h.engine->has_work());
  EXPECT_TRUE(h.engine->step().empty());
  h.engine->release(id);
}

TEST(EnginePrefill, holds_all_prompt_blocks_from_admission_to_release) {
  EngineHarness h(small());
  const auto id = *h.engine->prefill(prompt_of(40, 8));
  h.step();
  EXPECT_EQ(h.engine->blocks(id).size(), 3U);
  h.run();
  EXPECT_EQ(h.of(id).prefilled, 1);
  ASSERT_EQ(h.of(id).tokens.size(), 1U);
  EXPECT_EQ(h.of(id).tokens[0].finish, FinishReason::none);
  EXPECT_EQ(h.engine->blocks(id).size(), 3U);
  EXPECT_FALSE(h.all_blocks_back());
  EXPECT_FALSE(h.engine->has_work());
  h.engine->release(id);
  h.engine->release(id);
  EXPECT_TRUE(h.all_blocks_back());
  EXPECT_EQ(h.engine->load().cached_blocks, 2);
}

TEST(EnginePrefill, may_end_with_the_first_token_and_still_holds_its_blocks) {
  EngineHarness h(small());
  const auto id = *h.engine->prefill(prompt_of(20, 1));
  h.run();
  EXPECT_EQ(h.of(id).tokens[0].finish, FinishReason::length);
  EXPECT_EQ(h.engine->blocks(id).size(), 2U);
  h.engine->release(id);
  EXPECT_TRUE(h.all_blocks_back());
}

TEST(EnginePrefill, the_layer_hook_reports_every_layer_of_every_chunk_of_prefill_sequences_only) {
  EngineHarness h(small());
  std::vector<std::tuple<std::uint64_t, int, int>> seen;
  h.engine->set_layer_hook([&](const LayerDone& d) { seen.emplace_back(d.sequence.value, d.layer, d.upto_token); });
  const auto id = *h.engine->prefill(prompt_of(40));
  h.step();
  h.engine->generate(prompt_of(5, 3, 30)).value();
  h.run();
  EXPECT_EQ(seen, (std::vector<std::tuple<std::uint64_t, int, int>>{
                      {id.value, 0, 32}, {id.value, 1, 32}, {id.value, 0, 40}, {id.value, 1, 40}}));
  h.engine->release(id);
  seen.clear();
  const auto again = *h.engine->prefill(prompt_of(40));  // 32 tokens are cached
  h.run();
  EXPECT_EQ(seen, (std::vector<std::tuple<std::uint64_t, int, int>>{{again.value, 0, 40}, {again.value, 1, 40}}));
  EXPECT_EQ(h.of(again).cached_tokens, 32);
  h.engine->release(again);
}

TEST(EnginePrefill, is_never_preempted) {
  EngineHarness h({.max_batch = 4, .chunk_tokens = 20, .block_tokens = 4, .blocks = 10, .prefix_cache = false});
  const auto grower = *h.engine->generate(prompt_of(8, 30));
  h.step();
  const auto held = *h.engine->prefill(prompt_of(20));
  h.run();  // the grower runs out of blocks, gives its own up and waits
  EXPECT_EQ(h.engine->blocks(held).size(), 5U);
  EXPECT_EQ(h.of(held).tokens.size(), 1U);
  EXPECT_FALSE(h.of(grower).finished());
  EXPECT_EQ(h.engine->load().waiting, 1);
  h.engine->release(held);
  EXPECT_TRUE(h.engine->has_work());
  h.run();
  EXPECT_TRUE(test::same_output(h.of(grower).tokens, test::reference_output(h.model, prompt_of(8, 30))));
}

TEST(EngineReserve, grants_blocks_until_commit_joins_the_next_step) {
  EngineHarness h(small());
  const GenerationSpec spec = prompt_of(20, 4);
  const auto reservation = *h.engine->reserve(spec);
  EXPECT_EQ(reservation.blocks.size(), 2U);
  EXPECT_EQ(reservation.first_token, 0);
  EXPECT_EQ(h.engine->load().reserved, 1);
  EXPECT_FALSE(h.engine->has_work());
  h.engine->commit(reservation.sequence, {.index = 0, .token = 5});
  EXPECT_EQ(h.engine->load().reserved, 0);
  EXPECT_EQ(h.engine->load().running, 1);
  h.run();
  const auto& tokens = h.of(reservation.sequence).tokens;
  ASSERT_EQ(tokens.size(), 3U);
  EXPECT_EQ(tokens[0].index, 1);
  EXPECT_EQ(tokens[2].finish, FinishReason::length);
  EXPECT_EQ(h.of(reservation.sequence).prefilled, 0);
  EXPECT_TRUE(h.all_blocks_back());
}

TEST(EngineReserve, shares_cached_blocks_but_always_leaves_something_to_receive) {
  EngineHarness h(small());
  h.engine->generate(prompt_of(64, 1)).value();
  h.run();
  const auto longer = *h.engine->reserve(prompt_of(70));
  EXPECT_EQ(longer.first_token, 64);
  EXPECT_EQ(longer.blocks.size(), 1U);
  EXPECT_EQ(h.engine->blocks(longer.sequence).size(), 5U);
  const auto equal = *h.engine->reserve(prompt_of(64));
  EXPECT_EQ(equal.first_token, 48);
  EXPECT_EQ(equal.blocks.size(), 1U);
  for (const auto& r : {longer, equal}) {
    h.engine->drop(r.sequence);
    EXPECT_EQ(h.engine->load().draining_blocks, 1);  // shared ones are free of the writer
    h.engine->drained(r.sequence);
  }
  EXPECT_TRUE(h.all_blocks_back());
}

TEST(EngineReserve, is_refused_without_blocks_or_with_too_many_open) {
  EngineOptions options = small();
  options.max_waiting = 2;
  EngineHarness h(options);
  const auto big = *h.engine->reserve(prompt_of(31 * 16));
  EXPECT_EQ(h.engine->reserve(prompt_of(17)).error().code, Errc::out_of_blocks);
  const auto one = *h.engine->reserve(prompt_of(16));
  EXPECT_EQ(h.engine->reserve(prompt_of(1)).error().code, Errc::queue_full);
  for (const auto& r : {big, one}) {
    h.engine->drop(r.sequence);
    h.engine->drained(r.sequence);
  }
  EXPECT_TRUE(h.all_blocks_back());
}

TEST(EngineReserve, does_not_take_the_blocks_the_queue_waits_for) {
  EngineHarness h({.block_tokens = 16, .blocks = 10, .prefix_cache = false});
  const auto first = *h.engine->reserve(prompt_of(6 * 16));
  const auto waiting = *h.engine->generate(prompt_of(8 * 16, 2));
  h.run();
  h.engine->drop(first.sequence);
  h.engine->drained(first.sequence);
  EXPECT_EQ(h.engine->reserve(prompt_of(6 * 16)).error().code, Errc::out_of_blocks);
  const auto beside = *h.engine->reserve(prompt_of(16));
  h.run();
  EXPECT_TRUE(h.of(waiting).finished());
  h.engine->drop(beside.sequence);
  h.engine->drained(beside.sequence);
  EXPECT_TRUE(h.engine->reserve(prompt_of(6 * 16)).has_value());
}

TEST(EngineReserve, dropped_blocks_stay_out_of_use_until_drained) {
  EngineHarness h(small());
  const auto r = *h.engine->reserve(prompt_of(40));
  h.engine->drop(r.sequence);
  h.engine->drop(r.sequence);
  EXPECT_EQ(h.engine->load().reserved, 0);
  EXPECT_EQ(h.engine->load().draining_blocks, 3);
  EXPECT_EQ(h.engine->reserve(prompt_of(30 * 16)).error().code, Errc::out_of_blocks);
  h.engine->commit(r.sequence, {.token = 5});  // too late
  h.engine->release(r.sequence);               // not ours to give back
  EXPECT_EQ(h.engine->load().draining_blocks, 3);
  h.engine->drained(r.sequence);
  h.engine->drained(r.sequence);
  EXPECT_TRUE(h.all_blocks_back());
}

TEST(EngineReserve, a_writer_known_to_be_done_leaves_nothing_to_drain) {
  EngineHarness h(small());
  const auto r = *h.engine->reserve(prompt_of(40));
  h.engine->drained(r.sequence);
  EXPECT_EQ(h.engine->load().reserved, 1);
  h.engine->drop(r.sequence);
  EXPECT_TRUE(h.all_blocks_back());
}

TEST(EngineReserve, a_committed_sequence_ends_by_release_or_drop) {
  EngineHarness h(small());
  for (const bool by_drop : {false, true}) {
    const auto r = *h.engine->reserve(prompt_of(40, 50));
    h.engine->commit(r.sequence, {.token = 5});
    h.step();
    by_drop ? h.engine->drop(r.sequence) : h.engine->release(r.sequence);
    EXPECT_TRUE(h.all_blocks_back());
    EXPECT_FALSE(h.engine->has_work());
  }
}

TEST(EngineReserve, a_finished_or_impossible_first_token_ends_it_at_commit) {
  EngineHarness h(small());
  const auto finished = *h.engine->reserve(prompt_of(40));
  h.engine->commit(finished.sequence, {.token = 5, .finish = FinishReason::stop});
  EXPECT_TRUE(h.all_blocks_back());
  EXPECT_FALSE(h.engine->has_work());
  const auto bad = *h.engine->reserve(prompt_of(40, 8, 20));
  h.engine->commit(bad.sequence, {.token = 64});
  EXPECT_TRUE(h.engine->has_work());
  h.run();
  ASSERT_EQ(h.of(bad.sequence).failures.size(), 1U);
  EXPECT_EQ(h.of(bad.sequence).failures[0].code, Errc::transfer_failed);
  EXPECT_TRUE(h.all_blocks_back());
}

TEST(EngineReserve, commits_beyond_the_batch_wait_their_turn_with_their_blocks) {
  EngineOptions options = small();
  options.max_batch = 2;
  EngineHarness h(options);
  std::vector<SequenceId> ids;
  for (int i = 0; i < 5; ++i) {
    const auto r = *h.engine->reserve(prompt_of(20, 6, i * 9));
    h.engine->commit(r.sequence, {.token = 5});
    ids.push_back(r.sequence);
  }
  EXPECT_EQ(h.engine->load().running, 5);
  while (h.step()) EXPECT_LE(h.runner.last_rows, 2);
  for (const auto id : ids) EXPECT_EQ(h.of(id).tokens.size(), 5U);
  EXPECT_TRUE(h.all_blocks_back());
}

TEST(EngineRelease, frees_at_once_in_every_phase) {
  EngineOptions options = small();
  options.max_batch = 1;
  EngineHarness h(options);
  const auto running = *h.engine->generate(prompt_of(20, 50));
  const auto waiting = *h.engine->generate(prompt_of(20, 50));
  h.step();
  h.engine->release(waiting);
  EXPECT_EQ(h.engine->load().waiting, 0);
  h.engine->release(running);
  EXPECT_TRUE(h.all_blocks_back());
  EXPECT_FALSE(h.engine->has_work());
  const auto half = *h.engine->prefill(prompt_of(40));
  h.step();
  h.engine->release(half);
  h.engine->release(SequenceId{999});
  h.engine->drop(SequenceId{999});
  h.engine->drained(SequenceId{999});
  h.engine->commit(SequenceId{999}, {});
  EXPECT_TRUE(h.engine->blocks(SequenceId{999}).empty());
  EXPECT_TRUE(h.all_blocks_back());
  EXPECT_TRUE(h.of(running).failures.empty());
}

TEST(EngineStep, a_model_error_fails_the_sequences_of_that_step_only) {
  EngineOptions options = small();
  options.max_batch = 2;
  EngineHarness h(options);
  const auto first = *h.engine->generate(prompt_of(20, 4));
  const auto second = *h.engine->prefill(prompt_of(10, 4, 20));
  const auto later = *h.engine->generate(prompt_of(30, 4, 40));
  h.runner.fail_next = Error{.code = Errc::internal, .message = "device lost"};
  h.run();
  for (const auto id : {first, second}) {
    ASSERT_EQ(h.of(id).failures.size(), 1U);
    EXPECT_EQ(h.of(id).failures[0].message, "device lost");
    EXPECT_TRUE(h.of(id).tokens.empty());
  }
  EXPECT_TRUE(test::same_output(h.of(later).tokens, test::reference_output(h.model, prompt_of(30, 4, 40))));
  EXPECT_TRUE(h.all_blocks_back());
  // Half-written blocks of the failed step must not be found by anyone.
  const auto again = *h.engine->generate(prompt_of(20, 4));
  h.run();
  EXPECT_EQ(h.of(again).cached_tokens, 0);
  EXPECT_TRUE(test::same_output(h.of(again).tokens, test::reference_output(h.model, prompt_of(20, 4))));
}

TEST(EngineStep, a_sequence_that_outgrows_the_pool_fails_and_frees_it) {
  EngineHarness h({.block_tokens = 4, .blocks = 5});
  const auto id = *h.engine->generate(prompt_of(10, 100));
  h.run();
  ASSERT_EQ(h.of(id).failures.size(), 1U);
  EXPECT_EQ(h.of(id).failures[0].code, Errc::out_of_blocks);
  EXPECT_EQ(h.of(id).tokens.size(), 11U);  // 20 tokens have KV, one more is known
  EXPECT_TRUE(h.all_blocks_back());
}

TEST(EngineStep, waits_quietly_while_others_hold_the_blocks_and_resumes) {
  EngineHarness h(small());
  const auto r = *h.engine->reserve(prompt_of(30 * 16));
  const auto id = *h.engine->generate(prompt_of(40, 3));
  h.run();  // ends: has_work() turns false
  EXPECT_TRUE(h.of(id).tokens.empty());
  EXPECT_EQ(h.engine->load().waiting, 1);
  h.engine->drop(r.sequence);
  h.run();
  EXPECT_TRUE(h.of(id).tokens.empty());
  h.engine->drained(r.sequence);
  h.run();
  EXPECT_TRUE(h.of(id).finished());
}

}  // namespace baton
