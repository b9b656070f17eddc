#include "engine/simulated_runner.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <variant>

#include "engine/engine.h"
#include "engine/step_rows.h"
#include "perf/catalogue.h"
#include "perf/cost_model.h"
#include "perf/shapes.h"

namespace baton::engine {
namespace {

SimulatedModel tiny_model() {
  return {.info = {.vocab = 64, .max_context = 4096, .eos_tokens = {63}},
          .words = {1, 2, 3, 5, 8, 13, 21, 34},
          .shape = *perf::known_shape("llama-3.1-8b"),
          .hash = "h"};
}

perf::Replica replica() {
  return *perf::make_replica(*perf::builtin_catalogue().find("L40S"), *perf::known_shape("llama-3.1-8b"), {});
}

/// An engine over a simulated runner under a clock that only sleeping moves.
struct Simulated {
  explicit Simulated(SimulationConfig config = {}, EngineOptions engine_options = options()) {
    runner = create_simulated_runner(
        tiny_model(), replica(), config,
        {.now = [this] { return now; }, .sleep_until = [this](TimePoint when) { now = std::max(now, when); }});
    KvLayout layout = runner->kv_layout(engine_options.block_tokens);
    layout.blocks = engine_options.blocks;
    memory.assign(layout.total_bytes(), std::byte{0xee});
    pool = {memory.data(), layout};
    engine = std::move(*Engine::create(engine_options, *runner, pool));
  }
  static EngineOptions options() { return {.max_batch = 8, .chunk_tokens = 64, .block_tokens = 16, .blocks = 64}; }

  /// Runs until nothing is left to do.
  void run() {
    while (engine->has_work()) {
      for (const EngineEvent& event : engine->step()) {
        if (const auto* token = std::get_if<TokenEvent>(&event)) outputs[token->sequence.value].push_back(token->token);
        if (const auto* failed = std::get_if<FailedEvent>(&event)) failures.push_back(failed->error);
      }
    }
  }
  std::vector<TokenId> tokens_of(SequenceId id) {
    std::vector<TokenId> out;
    for (const TokenOut& token : outputs[id.value]) out.push_back(token.token);
    return out;
  }

  TimePoint now{Duration(1'000'000'000)};
  std::unique_ptr<ModelRunner> runner;
  std::vector<std::byte> memory;
  KvPoolView pool;
  std::unique_ptr<Engine> engine;
  std::map<std::uint64_t, std::vector<TokenOut>> outputs;
  std::vector<Error> failures;
};

GenerationSpec spec_of(std::int32_t prompt, std::int32_t max_tokens, TokenId salt = 0) {
  GenerationSpec spec;
  for (TokenId i = 0; i < prompt; ++i) spec.tokens.push_back((i * 7 + salt) % 60);
  spec.sampling.max_tokens = max_tokens;
  spec.sampling.ignore_eos = true;
  return spec;
}

TEST(SimulatedRunner, the_same_history_continues_the_same_way_batched_chunked_or_replayed) {
  Simulated alone;
  const auto id = *alone.engine->generate(spec_of(200, 40));
  alone.run();
  const auto expected = alone.tokens_of(id);
  ASSERT_EQ(expected.size(), 40U);

  Simulated busy({}, {.max_batch = 8, .chunk_tokens = 17, .block_tokens = 16, .blocks = 64});
  for (TokenId salt = 1; salt < 4; ++salt) ASSERT_TRUE(busy.engine->generate(spec_of(50, 30, salt)));
  const auto among = *busy.engine->generate(spec_of(200, 40));
  busy.run();
  EXPECT_EQ(busy.tokens_of(among), expected);

  Simulated later;
  GenerationSpec replay = spec_of(200, 40);
  replay.tokens.insert(replay.tokens.end(), expected.begin(), expected.begin() + 25);
  replay.generated = 25;
  const auto again = *later.engine->generate(replay);
  later.run();
  EXPECT_EQ(later.tokens_of(again), std::vector(expected.begin() + 25, expected.end()));
}

TEST(SimulatedRunner, kv_handed_over_block_by_block_continues_the_sequence) {
  Simulated local, prefill, decode;
  const auto whole = *local.engine->generate(spec_of(100, 30));
  local.run();

  const auto first_half = *prefill.engine->prefill(spec_of(100, 30));
  prefill.run();
  const auto reservation = *decode.engine->reserve(spec_of(100, 30));
  const auto from = prefill.engine->blocks(first_half);
  const std::size_t slab = prefill.pool.layout.slab_bytes();
  for (std::int32_t layer = 0; layer < prefill.pool.layout.layers; ++layer) {
    for (std::size_t i = 0; i < reservation.blocks.size(); ++i) {
      std::memcpy(decode.pool.slab(layer, reservation.blocks[i]), prefill.pool.slab(layer, from[i]), slab);
    }
  }
  const TokenOut first = prefill.outputs[first_half.value].front();
  decode.engine->commit(reservation.sequence, first);
  decode.run();
  auto split = decode.tokens_of(reservation.sequence);
  split.insert(split.begin(), first.token);
  EXPECT_EQ(split, local.tokens_of(whole));
  prefill.engine->release(first_half);
}

TEST(SimulatedRunner, kv_that_misses_a_layer_fails_the_step) {
  Simulated prefill, decode;
  const auto source = *prefill.engine->prefill(spec_of(32, 30));
  prefill.run();
  const auto reservation = *decode.engine->reserve(spec_of(32, 30));
  const auto from = prefill.engine->blocks(source);
  for (std::size_t i = 0; i < reservation.blocks.size(); ++i) {
    std::memcpy(decode.pool.slab(0, reservation.blocks[i]), prefill.pool.slab(0, from[i]),
                prefill.pool.layout.slab_bytes());
  }
  decode.engine->commit(reservation.sequence, prefill.outputs[source.value].front());
  decode.run();
  ASSERT_EQ(decode.failures.size(), 1U);
  EXPECT_EQ(decode.failures[0].message, "the KV of token 31 differs between layers");
  prefill.engine->release(source);
}

TEST(SimulatedRunner, steps_take_the_cost_models_time) {
  Simulated fast({.time_scale = 0.5}), real, none({.time_scale = 0});
  for (Simulated* each : {&fast, &real, &none}) {
    each->engine->generate(spec_of(64, 1));
    const TimePoint before = each->now;
    each->run();
    const double scale = each == &fast ? 0.5 : each == &real ? 1.0 : 0.0;
    const std::chrono::duration<double> took = each->now - before;
    EXPECT_NEAR(took.count(), scale * perf::prefill_s(replica(), 64, 0), 1e-6);
  }
}

TEST(SimulatedRunner, back_to_back_steps_keep_the_pace_whatever_the_engine_takes) {
  Simulated sim;
  sim.engine->generate(spec_of(16, 11));
  const TimePoint before = sim.now;
  double expected = perf::prefill_s(replica(), 16, 0);
  for (int i = 0; i < 10; ++i) expected += perf::decode_step_s(replica(), 1, 17 + i);
  while (sim.engine->has_work()) {
    sim.engine->step();
    sim.now += std::chrono::microseconds(300);  // the engine's own work
  }
  EXPECT_NEAR(std::chrono::duration<double>(sim.now - before).count(), expected, 0.5e-3);
}

TEST(SimulatedRunner, answers_end_by_themselves_at_the_configured_mean_length) {
  Simulated sim({.output_tokens = 20});
  double total = 0;
  for (TokenId salt = 0; salt < 60; ++salt) {
    for (TokenId other = 0; other < 5; ++other) {
      GenerationSpec spec = spec_of(17, 900, salt);
      spec.tokens.push_back(other);
      spec.sampling.ignore_eos = false;
      const auto id = *sim.engine->generate(spec);
      sim.run();
      const TokenOut& last = sim.outputs[id.value].back();
      EXPECT_EQ(last.finish, FinishReason::stop);
      EXPECT_TRUE(last.stop_token);
      total += static_cast<double>(sim.outputs[id.value].size());
    }
  }
  EXPECT_NEAR(total / 300, 20, 3);
}

TEST(SimulatedRunner, ignore_eos_and_min_tokens_hold) {
  Simulated sim({.output_tokens = 2});
  GenerationSpec spec = spec_of(17, 50);
  EXPECT_EQ((sim.run(), 0), 0);
  const auto ignoring = *sim.engine->generate(spec);
  sim.run();
  EXPECT_EQ(sim.outputs[ignoring.value].size(), 50U);
  spec.sampling.ignore_eos = false;
  spec.sampling.min_tokens = 30;
  const auto least = *sim.engine->generate(spec);
  sim.run();
  EXPECT_GE(sim.outputs[least.value].size(), 30U);
}

TEST(SimulatedRunner, kv_bytes_are_as_configured_rounded_up) {
  const auto bytes = [](std::int32_t configured) {
    return create_simulated_runner(tiny_model(), replica(), {.kv_bytes_per_token = configured})
        ->kv_layout(16)
        .token_bytes();
  };
  EXPECT_EQ(bytes(64), 64U);
  EXPECT_EQ(bytes(65), 128U);
  EXPECT_EQ(bytes(100'000), 100'032U);
}

TEST(SimulatedModel, takes_what_a_model_directory_holds) {
  const auto tiny = load_simulated_model(BATON_SOURCE_DIR "/tests/data/baton-tiny", "baton-tiny");
  ASSERT_TRUE(tiny) << tiny.error().message;
  EXPECT_GT(tiny->words.size(), 20U);
  EXPECT_FALSE(tiny->info.eos_tokens.empty());
  EXPECT_GT(tiny->shape.layers, 0);
  const auto timed_as_70b = load_simulated_model(BATON_SOURCE_DIR "/tests/data/baton-tiny", "llama-3.1-70b");
  ASSERT_TRUE(timed_as_70b);
  EXPECT_EQ(timed_as_70b->shape, *perf::known_shape("llama-3.1-70b"));
  EXPECT_NE(timed_as_70b->hash, tiny->hash);
}

TEST(SimulatedModel, needs_nothing_but_a_well_known_name) {
  const auto bytes = load_simulated_model("/nowhere", "Qwen3-32B");
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_EQ(bytes->info.vocab, 257);
  EXPECT_EQ(bytes->info.eos_tokens, std::vector<TokenId>{256});
  const auto unknown = load_simulated_model("/nowhere", "my-model");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("does not know the shape of my-model"), std::string::npos);
}

TEST(StepRows, pieces_of_prompts_and_decoding_sequences_are_told_apart) {
  const std::vector<TokenId> tokens(100, 1);
  const std::span<const TokenId> all(tokens);
  const std::vector<SequenceRows> rows{{.tokens = all.first(1), .start = 99, .want_logits = 1},
                                       {.tokens = all.first(1), .start = 299, .want_logits = 1},
                                       {.tokens = all.first(60), .start = 40},
                                       {.tokens = all.first(20), .start = 0, .want_logits = 1}};
  const perf::StepRows counted = step_rows(rows);
  EXPECT_EQ(counted.batch, 2);
  EXPECT_EQ(counted.decode_context, 200);
  EXPECT_EQ(counted.prefill_tokens, 80);
  const double attention = 60 * 40 + 60 * 30 + 20 * 10;
  EXPECT_NEAR(80 * counted.prefill_context + 80 * 40, attention, 1300) << "clamped at zero";
  EXPECT_EQ(step_rows({}), perf::StepRows{});
}

}  // namespace
}  // namespace baton::engine
