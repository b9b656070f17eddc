#include <gtest/gtest.h>

#include <tuple>

#include "runner_support.h"

namespace baton::engine {
namespace {

using testing::random_tokens;
using testing::RunnerHarness;
using testing::same_bits;

using Param = std::tuple<std::string, kernels::Isa, DType>;

/// Logits of a row never depend on what else is in the step, nor on how the prompt was cut.
class RunnerInvariance : public ::testing::TestWithParam<Param> {
 protected:
  const std::string& family() const { return std::get<0>(GetParam()); }
  CpuOptions options(int threads) const {
    return CpuOptions{.threads = threads, .dtype = std::get<2>(GetParam()), .kv_dtype = {}, .isa = std::get<1>(GetParam())};
  }
};
INSTANTIATE_TEST_SUITE_P(Families, RunnerInvariance,
                         ::testing::Combine(::testing::Values("llama", "qwen2", "qwen3", "mistral"),
                                            ::testing::ValuesIn(kernels::supported_isas()),
                                            ::testing::Values(DType::f32, DType::bf16)),
                         [](const auto& test) {
                           return std::get<0>(test.param) + "_" + std::string(kernels::isa_name(std::get<1>(test.param))) +
                                  (std::get<2>(test.param) == DType::f32 ? "_f32" : "_bf16");
                         });

TEST_P(RunnerInvariance, ChunkedPrefillEqualsWholePrefillAndDecode) {
  RunnerHarness harness(family(), options(2));
  const auto tokens = random_tokens(150, harness.runner->info().vocab, 1);
  const auto whole = harness.prompt(tokens, 150);
  for (const std::int32_t chunk : {2, 16, 37, 64, 149}) {
    EXPECT_TRUE(same_bits(harness.prompt(tokens, chunk), whole)) << "chunks of " << chunk;
  }
  const auto one_by_one = harness.prompt(tokens, 1);
  EXPECT_TRUE(same_bits(std::span(one_by_one).last(whole.size()), whole));
}

TEST_P(RunnerInvariance, RandomMixedBatchesEqualSequencesAlone) {
  RunnerHarness harness(family(), options(2), 16, 128);
  const std::int32_t vocab = harness.runner->info().vocab;
  struct Live {
    std::vector<TokenId> tokens;
    std::vector<BlockId> blocks;
    std::vector<float> alone;  // logits after every token
    std::int32_t done = 0;
  };
  std::vector<Live> live;
  for (std::uint32_t i = 0; i < 20; ++i) {
    Live sequence{.tokens = random_tokens(20 + i * 3, vocab, 100 + i), .blocks = {}, .alone = {}};
    sequence.alone = harness.prompt(sequence.tokens, 1);
    sequence.blocks = harness.take_blocks(static_cast<std::int32_t>(sequence.tokens.size()));
    live.push_back(std::move(sequence));
  }
  std::mt19937 random(2);
  for (int step = 0; step < 60; ++step) {
    std::vector<SequenceRows> batch;
    std::vector<Live*> members;
    std::shuffle(live.begin(), live.end(), random);
    for (Live& sequence : live) {
      const auto left = static_cast<std::int32_t>(sequence.tokens.size()) - sequence.done;
      if (left == 0 || random() % 3 == 0) continue;
      const auto rows = random() % 2 == 0 ? 1 : static_cast<std::int32_t>(1 + random() % static_cast<unsigned>(left));
      batch.push_back(SequenceRows{std::span(sequence.tokens).subspan(static_cast<std::size_t>(sequence.done), static_cast<std::size_t>(rows)),
                                   sequence.done, sequence.blocks,
                                   static_cast<std::int32_t>(random() % static_cast<unsigned>(rows + 1))});
      sequence.done += rows;
      members.push_back(&sequence);
    }
    const auto logits = harness.step(batch);
    auto rest = std::span(logits);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto width = static_cast<std::size_t>(vocab);
      const auto wanted = static_cast<std::size_t>(batch[i].want_logits);
      const auto expected =
          std::span(members[i]->alone).subspan((static_cast<std::size_t>(members[i]->done) - wanted) * width, wanted * width);
      ASSERT_TRUE(same_bits(rest.first(wanted * width), expected)) << "step " << step << " member " << i;
      rest = rest.subspan(wanted * width);
    }
    EXPECT_TRUE(rest.empty());
  }
}

TEST_P(RunnerInvariance, ThreadsAndBlockSizeDoNotShow) {
  RunnerHarness first(family(), options(1), 16);
  RunnerHarness second(family(), options(3), 64);
  const auto tokens = random_tokens(90, first.runner->info().vocab, 3);
  EXPECT_TRUE(same_bits(first.prompt(tokens, 90), second.prompt(tokens, 33)));
}

}  // namespace
}  // namespace baton::engine
