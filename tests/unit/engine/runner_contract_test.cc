#include <gtest/gtest.h>

#include "runner_support.h"

namespace baton::engine {
namespace {

using testing::golden_folder;
using testing::random_tokens;
using testing::RunnerHarness;
using testing::same_bits;

CpuOptions bf16_options() { return CpuOptions{.threads = 1, .dtype = DType::bf16, .kv_dtype = {}, .isa = {}}; }

TEST(RunnerContract, ReportsTheModelAndTheKvGeometry) {
  RunnerHarness harness("llama", bf16_options());
  const ModelInfo& info = harness.runner->info();
  EXPECT_EQ(info.vocab, 160);
  EXPECT_EQ(info.max_context, 256);
  EXPECT_EQ(info.eos_tokens, (std::vector<TokenId>{2, 3}));
  const KvLayout layout = harness.runner->kv_layout(32);
  EXPECT_EQ(layout, (KvLayout{.layers = 2, .blocks = 0, .kv_heads = 2, .block_tokens = 32, .head_dim = 16, .dtype = DType::bf16}));
}

TEST(RunnerContract, TypesFollowTheCheckpointUnlessAsked) {
  const auto kv_dtype = [](const std::string& family, std::optional<DType> dtype, std::optional<DType> kv) {
    auto runner = load_cpu_runner(golden_folder(family), CpuOptions{.threads = 0, .dtype = dtype, .kv_dtype = kv, .isa = {}});
    return runner.value()->kv_layout(16).dtype;
  };
  EXPECT_EQ(kv_dtype("llama", {}, {}), DType::f32);
  EXPECT_EQ(kv_dtype("qwen2", {}, {}), DType::bf16);
  EXPECT_EQ(kv_dtype("qwen2", DType::f32, {}), DType::f32);
  EXPECT_EQ(kv_dtype("llama", {}, DType::bf16), DType::bf16);
}

TEST(RunnerContract, UnsupportedTypesAreRefused) {
  for (const DType dtype : {DType::f16, DType::fp8_e4m3, DType::int8, DType::int4}) {
    const auto compute = load_cpu_runner(golden_folder("llama"), CpuOptions{.threads = 1, .dtype = dtype, .kv_dtype = {}, .isa = {}});
    ASSERT_FALSE(compute);
    EXPECT_EQ(compute.error().code, Errc::unsupported_parameter);
    EXPECT_NE(compute.error().message.find("dtype"), std::string::npos);
    const auto kv = load_cpu_runner(golden_folder("llama"), CpuOptions{.threads = 1, .dtype = {}, .kv_dtype = dtype, .isa = {}});
    ASSERT_FALSE(kv);
    EXPECT_NE(kv.error().message.find("kv_dtype"), std::string::npos);
  }
}

TEST(RunnerContract, AnInstructionSetTheProcessorLacksIsRefused) {
  if (kernels::isa_supported(kernels::Isa::amx)) GTEST_SKIP() << "this processor has them all";
  const auto runner = load_cpu_runner(golden_folder("llama"), CpuOptions{.threads = 1, .dtype = {}, .kv_dtype = {}, .isa = kernels::Isa::amx});
  ASSERT_FALSE(runner);
  EXPECT_EQ(runner.error().code, Errc::unsupported_parameter);
}

TEST(RunnerContract, AMissingModelIsAnError) {
  EXPECT_FALSE(load_cpu_runner(golden_folder("nowhere"), {}));
}

TEST(RunnerContract, TokensOutsideTheVocabularyAreRefused) {
  RunnerHarness harness("llama", bf16_options());
  const auto blocks = harness.take_blocks(16);
  for (const TokenId bad : {-1, 160, 1 << 30}) {
    const std::vector<TokenId> tokens{1, bad};
    const std::vector<SequenceRows> batch{{tokens, 0, blocks, 1}};
    const auto result = harness.runner->step(batch, {});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::invalid_request);
  }
}

TEST(RunnerContract, PositionsBeyondTheContextAreRefused) {
  RunnerHarness harness("llama", bf16_options());
  const auto blocks = harness.take_blocks(272);
  const std::vector<TokenId> token{1};
  const std::vector<SequenceRows> inside{{token, 255, blocks, 0}};
  EXPECT_TRUE(harness.runner->step(inside, {}));
  const std::vector<SequenceRows> outside{{token, 256, blocks, 0}};
  const auto result = harness.runner->step(outside, {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::context_length_exceeded);
}

TEST(RunnerContract, LayerDoneComesInOrderWithTheKvInPlace) {
  RunnerHarness harness("mistral", bf16_options());
  const auto tokens = random_tokens(40, 128, 1);
  const auto blocks = harness.take_blocks(40);
  const std::vector<SequenceRows> batch{{tokens, 0, blocks, 0}};
  std::vector<std::int32_t> layers;
  const auto done = [&](std::int32_t layer) { layers.push_back(layer); };
  ASSERT_TRUE(harness.runner->step(batch, done));
  EXPECT_EQ(layers, (std::vector<std::int32_t>{0, 1, 2}));
}

TEST(RunnerContract, StepsWithoutLogitsWriteTheSameKv) {
  RunnerHarness harness("llama", bf16_options());
  const auto tokens = random_tokens(50, 160, 2);
  const auto expected = harness.prompt(tokens, 50);
  const auto blocks = harness.take_blocks(50);
  const auto head = std::span(tokens).first(49);
  EXPECT_TRUE(harness.step({SequenceRows{head, 0, blocks, 0}}).empty());
  EXPECT_TRUE(same_bits(harness.step({SequenceRows{std::span(tokens).last(1), 49, blocks, 1}}), expected));
}

TEST(RunnerContract, AnEmptyStepReturnsNothing) {
  RunnerHarness harness("llama", bf16_options());
  EXPECT_TRUE(harness.step({}).empty());
}

}  // namespace
}  // namespace baton::engine
