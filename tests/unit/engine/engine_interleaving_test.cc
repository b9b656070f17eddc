// What a 128K-token prompt does to short ones, and they to it, in simulated time: a step costs a fixed time and a time
// per row.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include "engine/engine.h"
#include "support/fake_runner.h"

namespace baton {
namespace {

using engine::SequenceId;

constexpr std::int32_t kLong = 131'072;
constexpr double kStep_s = 3e-3, kRow_s = 25e-6;  // a chunk of 256 rows: 9.4 ms

/// Computes nothing, takes time.
class TimedRunner final : public engine::ModelRunner {
 public:
  const engine::ModelInfo& info() const override { return info_; }
  KvLayout kv_layout(std::int32_t block_tokens) const override {
    return {.layers = 1, .blocks = 0, .kv_heads = 1, .block_tokens = block_tokens, .head_dim = 1, .dtype = DType::int8};
  }
  void attach(KvPoolView /*pool*/) override {}
  Result<std::span<const float>> step(std::span<const engine::SequenceRows> sequences,
                                      const std::function<void(std::int32_t)>& /*layer_done*/) override {
    double rows = 0;
    std::size_t wanted = 0;
    for (const auto& s : sequences) {
      rows += static_cast<double>(s.tokens.size());
      wanted += static_cast<std::size_t>(s.want_logits);
    }
    now_s += kStep_s + rows * kRow_s;
    logits_.assign(wanted * 4, 0.0F);
    return std::span<const float>(logits_);
  }
  double now_s = 0;

 private:
  engine::ModelInfo info_{.vocab = 4, .max_context = 2 * kLong, .eos_tokens = {}};
  std::vector<float> logits_;
};

GenerationSpec prompt_of(std::int32_t tokens) {
  GenerationSpec spec;
  spec.tokens.assign(static_cast<std::size_t>(tokens), 1);
  spec.sampling.max_tokens = 1;
  return spec;
}

struct Outcome {
  double short_p99_s = 0;
  double long_tokens_per_s = 0;
};

/// Short prompts of 1,024 to 3,072 tokens come at random with the given share of the worker's time, until
/// `shorts` are done; with `long_prompts` > 0 there is always one long prompt in flight.
Outcome play(double short_load, int shorts, std::int32_t long_prompts) {
  TimedRunner runner;
  test::PoolMemory memory(runner, 12'000, 16);
  const engine::EngineOptions options{
      .max_batch = 64, .chunk_tokens = 256, .block_tokens = 16, .blocks = 12'000, .prefix_cache = false};
  const auto engine = std::move(*engine::Engine::create(options, runner, memory.view()));
  std::mt19937_64 random(7);
  const double mean_service_s = 2048 * kRow_s + 8 * kStep_s;
  std::exponential_distribution<double> gap(short_load > 0 ? short_load / mean_service_s : 1);
  std::uniform_int_distribution<std::int32_t> size(1024, 3072);
  std::map<SequenceId, double> arrived;
  std::vector<double> ttft;
  std::optional<SequenceId> big;
  std::int32_t bigs_done = 0;
  double big_since_s = 0, next_s = short_load > 0 ? gap(random) : 1e18;
  const auto all_done = [&] { return short_load > 0 ? std::ssize(ttft) >= shorts : bigs_done >= long_prompts; };
  while (!all_done()) {
    for (; next_s <= runner.now_s; next_s += gap(random)) arrived[*engine->generate(prompt_of(size(random)))] = next_s;
    if (!big && long_prompts > 0) big = *engine->generate(prompt_of(kLong));
    if (!engine->has_work()) {
      runner.now_s = next_s;
      continue;
    }
    for (const engine::EngineEvent& event : engine->step()) {
      const auto* token = std::get_if<engine::TokenEvent>(&event);
      if (token == nullptr) continue;
      if (big == token->sequence) {
        big.reset();
        ++bigs_done;
        big_since_s = runner.now_s;
      } else {
        ttft.push_back(runner.now_s - arrived.at(token->sequence));
      }
    }
  }
  Outcome out;
  if (bigs_done > 0) out.long_tokens_per_s = bigs_done * double{kLong} / big_since_s;
  if (!ttft.empty()) {
    const auto at = ttft.begin() + std::ssize(ttft) * 99 / 100;
    std::ranges::nth_element(ttft, at);
    out.short_p99_s = *at;
  }
  return out;
}

}  // namespace

// What is physically possible: a short prompt that arrives during a step waits for that step's end, and the step in
// which it ends is filled up with rows of the long one. So it loses at most two steps, which is little against prompts
// of several chunks; and the long one loses the time the short ones need, so their load bounds it. Assumed here: short
// prompts of 4 to 12 chunks (1K to 3K tokens, chunk 256) at 10 % load.
TEST(EngineInterleaving, a_128k_prompt_in_flight_hardly_delays_short_ones_and_is_hardly_delayed_by_them) {
  constexpr double kLoad = 0.10;
  const Outcome shorts_alone = play(kLoad, 3'000, 0);
  const Outcome long_alone = play(0, 0, 3);
  const Outcome both = play(kLoad, 3'000, 1);
  RecordProperty("short_p99_alone_ms", std::to_string(shorts_alone.short_p99_s * 1e3));
  RecordProperty("short_p99_with_long_ms", std::to_string(both.short_p99_s * 1e3));
  RecordProperty("long_kept", std::to_string(both.long_tokens_per_s / long_alone.long_tokens_per_s));
  EXPECT_LT(both.short_p99_s, 1.10 * shorts_alone.short_p99_s)
      << shorts_alone.short_p99_s * 1e3 << " ms alone, " << both.short_p99_s * 1e3 << " ms with the long prompt";
  EXPECT_GT(both.long_tokens_per_s, 0.85 * long_alone.long_tokens_per_s)
      << long_alone.long_tokens_per_s << " tokens/s alone, " << both.long_tokens_per_s << " with the short ones";
}

namespace {

struct Paced {
  double longest_gap_s = 0;  ///< between two tokens of the decoding sequence beside the prompt, once ten had gone by
  double ttft_s = 0;         ///< of the long prompt
  std::size_t most_rows = 0;
};

/// A sequence decodes with the given objective when a prompt of 32K tokens comes; chunks are of 4,096 rows: 105 ms.
Paced pace(double itl_s) {
  TimedRunner runner;
  test::PoolMemory memory(runner, 4'000, 16);
  const engine::EngineOptions options{.max_batch = 64, .chunk_tokens = 4096, .block_tokens = 16, .blocks = 4'000};
  const auto engine = std::move(*engine::Engine::create(options, runner, memory.view()));
  GenerationSpec chat = prompt_of(100);
  chat.sampling.max_tokens = 10'000;
  const SequenceId talker = *engine->generate(chat, {.itl_s = itl_s});
  Paced out;
  SequenceId big;
  double big_since_s = 0, last_s = 0;
  int beside = -1;  // tokens of the talker since the prompt came
  for (int step = 0; step < 10'000; ++step) {
    if (step == 20) {
      big = *engine->generate(prompt_of(32'768));
      big_since_s = runner.now_s;
      beside = 0;
    }
    const double began_s = runner.now_s;
    const auto events = engine->step();
    engine->observe_step(runner.now_s - began_s);
    const perf::StepRows rows = engine->last_rows();
    out.most_rows = std::max(out.most_rows, static_cast<std::size_t>(rows.prefill_tokens + rows.batch));
    for (const engine::EngineEvent& event : events) {
      const auto* token = std::get_if<engine::TokenEvent>(&event);
      if (token == nullptr) continue;
      if (token->sequence == big) {
        out.ttft_s = runner.now_s - big_since_s;
        return out;
      }
      EXPECT_EQ(token->sequence, talker);
      if (beside >= 0 && ++beside > 10) out.longest_gap_s = std::max(out.longest_gap_s, runner.now_s - last_s);
      last_s = runner.now_s;
    }
  }
  ADD_FAILURE() << "the long prompt never got its token";
  return out;
}

}  // namespace

TEST(EngineInterleaving, chunks_shrink_until_the_objective_of_a_decoding_sequence_is_kept) {
  const Paced free = pace(0);
  EXPECT_EQ(free.most_rows, 4096U);
  const Paced paced = pace(0.050);
  EXPECT_LE(paced.longest_gap_s, 0.050);
  EXPECT_GT(paced.longest_gap_s, 0.040);  // and no more than that
  // A step of 50 ms has 47 for rows where one of 105 has 102.
  EXPECT_LT(paced.ttft_s, 1.15 * free.ttft_s);
}

TEST(EngineInterleaving, an_objective_nobody_can_keep_still_lets_a_block_of_the_prompt_through_each_step) {
  const Paced paced = pace(1e-3);  // a step without any prompt takes 3
  const double floor_s = 32'768 / 16 * (kStep_s + 17 * kRow_s);
  EXPECT_NEAR(paced.ttft_s, floor_s, 0.01 * floor_s);
}

}  // namespace baton
