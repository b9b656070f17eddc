// However a request is batched, chunked, cached, preempted, split or replayed, its tokens are those of the definition.
#include <gtest/gtest.h>

#include <cstring>

#include "kv/plan.h"
#include "support/engine_harness.h"

namespace baton {
namespace {

using engine::EngineOptions;
using engine::SequenceId;
using test::EngineHarness;
using test::RandomSpecs;

/// Submits requests while others run, and compares every output with the definition.
void expect_reference_outputs(EngineHarness& harness, RandomSpecs& random, int requests, int longest_prompt) {
  std::vector<std::pair<SequenceId, GenerationSpec>> submitted;
  while (static_cast<int>(submitted.size()) < requests) {
    for (int i = random.pick(0, 3); i > 0; --i) {
      GenerationSpec spec = random.next(longest_prompt, 40);
      const auto id = harness.engine->generate(spec);
      ASSERT_TRUE(id.has_value()) << id.error().message;
      submitted.emplace_back(*id, std::move(spec));
    }
    for (int i = random.pick(0, 4); i > 0; --i) harness.step();
  }
  harness.run();
  for (const auto& [id, spec] : submitted) {
    const test::Outcome& outcome = harness.of(id);
    EXPECT_TRUE(outcome.failures.empty());
    EXPECT_EQ(outcome.prefilled, 1);
    EXPECT_TRUE(test::same_output(outcome.tokens, test::reference_output(harness.model, spec)))
        << "sequence " << id.value << " with " << spec.tokens.size() << " prompt tokens";
  }
  EXPECT_TRUE(harness.all_blocks_back());
  EXPECT_EQ(harness.engine->load().running + harness.engine->load().waiting, 0);
}

}  // namespace

TEST(EngineEquivalence, batched_equals_alone) {
  RandomSpecs random(1);
  EngineHarness harness(
      {.max_batch = 16, .chunk_tokens = 256, .block_tokens = 16, .blocks = 400, .prefix_cache = false});
  expect_reference_outputs(harness, random, 120, 90);
  EXPECT_EQ(harness.engine->load().prefix_hit_tokens, 0U);
}

TEST(EngineEquivalence, chunked_equals_whole) {
  for (const std::int32_t chunk : {1, 2, 7, 16, 33}) {
    RandomSpecs random(2);
    EngineHarness harness(
        {.max_batch = 8, .chunk_tokens = chunk, .block_tokens = 16, .blocks = 400, .prefix_cache = false});
    expect_reference_outputs(harness, random, 30, 90);
  }
}

TEST(EngineEquivalence, a_prefix_hit_equals_a_miss) {
  RandomSpecs random(3);
  EngineHarness harness({.max_batch = 8, .chunk_tokens = 64, .block_tokens = 16, .blocks = 400});
  expect_reference_outputs(harness, random, 200, 90);
  EXPECT_GT(harness.engine->load().prefix_hit_tokens, 1000U);
}

TEST(EngineEquivalence, preempted_equals_not_preempted) {
  for (const bool cache : {false, true}) {
    for (const std::int32_t blocks : {9, 12, 20}) {
      RandomSpecs random(4);
      EngineHarness harness(
          {.max_batch = 16, .chunk_tokens = 64, .block_tokens = 16, .blocks = blocks, .prefix_cache = cache});
      expect_reference_outputs(harness, random, 150, 90);
      EXPECT_GT(harness.engine->load().preemptions, 0U) << blocks;
    }
  }
}

TEST(EngineEquivalence, random_configurations_all_agree) {
  for (std::uint32_t seed = 10; seed < 40; ++seed) {
    RandomSpecs random(seed);
    const std::int32_t block_tokens = 1 << random.pick(2, 5);
    EngineHarness harness({.max_batch = random.pick(1, 12),
                           .chunk_tokens = random.pick(1, 80),
                           .block_tokens = block_tokens,
                           .blocks = 110 / block_tokens + random.pick(1, 30),
                           .prefix_cache = random.pick(0, 2) != 0});
    expect_reference_outputs(harness, random, 40, 70);
  }
}

TEST(EngineEquivalence, a_full_prefix_hit_still_computes_the_last_token) {
  EngineHarness harness({.block_tokens = 16, .blocks = 32});
  GenerationSpec spec;
  for (int i = 0; i < 32; ++i) spec.tokens.push_back(i + 1);
  const auto first = *harness.engine->generate(spec);
  harness.run();
  const auto second = *harness.engine->generate(spec);
  harness.run();
  EXPECT_EQ(harness.of(first).cached_tokens, 0);
  EXPECT_EQ(harness.of(second).cached_tokens, 16);
  EXPECT_TRUE(test::same_output(harness.of(first).tokens, harness.of(second).tokens));
}

TEST(EngineEquivalence, output_blocks_are_cached_for_the_next_turn) {
  EngineHarness harness({.block_tokens = 16, .blocks = 32});
  GenerationSpec spec;
  spec.tokens = {1, 2, 3, 4};
  spec.sampling.max_tokens = 60;
  spec.sampling.ignore_eos = true;
  const auto first = *harness.engine->generate(spec);
  harness.run();
  GenerationSpec next = spec;
  for (const TokenId token : test::ids(harness.of(first).tokens)) next.tokens.push_back(token);
  const auto second = *harness.engine->generate(next);
  harness.run();
  EXPECT_EQ(harness.of(second).cached_tokens, 48);
  EXPECT_TRUE(test::same_output(harness.of(second).tokens, test::reference_output(harness.model, next)));
}

TEST(EngineEquivalence, a_replay_continues_as_if_uninterrupted) {
  RandomSpecs random(5);
  EngineHarness harness({.max_batch = 8, .chunk_tokens = 32, .block_tokens = 16, .blocks = 60});
  for (int round = 0; round < 200; ++round) {
    const GenerationSpec spec = random.next(60, 40);
    const auto whole = test::reference_output(harness.model, spec);
    if (whole.size() < 2) continue;
    const auto delivered = static_cast<std::size_t>(random.pick(1, static_cast<int>(whole.size()) - 1));
    GenerationSpec replay = spec;
    replay.generated = static_cast<std::int32_t>(delivered);
    for (std::size_t i = 0; i < delivered; ++i) replay.tokens.push_back(whole[i].token);
    const auto id = *harness.engine->generate(replay);
    harness.run();
    const std::vector<TokenOut> rest(whole.begin() + static_cast<std::ptrdiff_t>(delivered), whole.end());
    EXPECT_TRUE(test::same_output(harness.of(id).tokens, rest)) << round;
  }
}

namespace {

/// A prefill engine pushing into a decode engine layer by layer, as the transfer does.
struct Pair {
  EngineHarness prefill, decode;
  std::map<std::uint64_t, engine::Reservation> reservations;  // by prefill-side sequence

  Pair(EngineOptions p, EngineOptions d) : prefill(p), decode(d) {
    prefill.engine->set_layer_hook([this](const engine::LayerDone& done) { push(done); });
  }
  void push(const engine::LayerDone& done) {
    const auto it = reservations.find(done.sequence.value);
    if (it == reservations.end()) return;
    const engine::Reservation& to = it->second;
    const KvPoolView source = prefill.memory.view(), target = decode.memory.view();
    const auto shared = static_cast<std::size_t>(to.first_token / source.layout.block_tokens);
    const auto blocks = prefill.engine->blocks(done.sequence);
    ASSERT_EQ(blocks.size(), shared + to.blocks.size());
    for (const kv::CopyRun& run : kv::plan_blocks(source.layout, blocks.subspan(shared), to.blocks)) {
      std::memcpy(target.slab(done.layer, 0) + run.target, source.slab(done.layer, 0) + run.source, run.bytes);
    }
  }
};

}  // namespace

TEST(EngineEquivalence, split_equals_local) {
  RandomSpecs random(6);
  std::uint64_t preemptions = 0;
  for (const std::int32_t decode_blocks : {14, 24, 200}) {
    Pair pair({.max_batch = 4, .chunk_tokens = 24, .block_tokens = 16, .blocks = 60},
              {.max_batch = 3, .chunk_tokens = 24, .block_tokens = 16, .blocks = decode_blocks});
    int done = 0;
    while (done < 60) {
      struct Job {
        GenerationSpec spec;
        SequenceId source, target;
      };
      std::vector<Job> jobs;
      for (int i = random.pick(1, 6); i > 0; --i) {
        Job job{random.next(80, 40), {}, {}};
        auto reservation = pair.decode.engine->reserve(job.spec);
        if (!reservation) {
          EXPECT_EQ(reservation.error().code, Errc::out_of_blocks);
          continue;
        }
        job.source = *pair.prefill.engine->prefill(job.spec);
        job.target = reservation->sequence;
        pair.reservations[job.source.value] = *reservation;
        jobs.push_back(std::move(job));
      }
      // Both engines go on while reservations are open.
      while (pair.prefill.step()) pair.decode.step();
      for (const Job& job : jobs) {
        const test::Outcome& outcome = pair.prefill.of(job.source);
        ASSERT_EQ(outcome.tokens.size(), 1U);
        EXPECT_EQ(outcome.prefilled, 1);
        pair.prefill.engine->release(job.source);
        pair.decode.engine->commit(job.target, outcome.tokens[0]);
      }
      for (int i = random.pick(0, 20); i > 0; --i) pair.decode.step();
      if (random.pick(0, 1) == 0) pair.decode.run();
      pair.decode.run();
      for (const Job& job : jobs) {
        std::vector<TokenOut> output = pair.prefill.of(job.source).tokens;
        const auto& rest = pair.decode.of(job.target).tokens;
        output.insert(output.end(), rest.begin(), rest.end());
        EXPECT_TRUE(test::same_output(output, test::reference_output(pair.decode.model, job.spec)));
        EXPECT_EQ(pair.decode.of(job.target).prefilled, 0);
        ++done;
      }
    }
    EXPECT_TRUE(pair.prefill.all_blocks_back());
    EXPECT_TRUE(pair.decode.all_blocks_back());
    EXPECT_GT(pair.decode.engine->load().prefix_hit_tokens, 0U);
    preemptions += pair.decode.engine->load().preemptions;
  }
  EXPECT_GT(preemptions, 0U);
}

TEST(EngineEquivalence, a_wrong_block_changes_the_output) {
  // The fake must be able to tell: otherwise every test here proves nothing.
  Pair pair({.block_tokens = 16, .blocks = 60}, {.block_tokens = 16, .blocks = 60});
  GenerationSpec spec;
  for (int i = 0; i < 40; ++i) spec.tokens.push_back(1 + i);
  spec.sampling.ignore_eos = true;
  const auto reservation = *pair.decode.engine->reserve(spec);
  const auto source = *pair.prefill.engine->prefill(spec);
  pair.reservations[source.value] = reservation;
  std::swap(pair.reservations[source.value].blocks[0], pair.reservations[source.value].blocks[1]);
  pair.prefill.run();
  pair.decode.engine->commit(reservation.sequence, pair.prefill.of(source).tokens[0]);
  pair.decode.run();
  const auto expected = test::ids(test::reference_output(pair.decode.model, spec));
  EXPECT_NE(test::ids(pair.decode.of(reservation.sequence).tokens),
            std::vector<TokenId>(expected.begin() + 1, expected.end()));
}

}  // namespace baton
