#include <gtest/gtest.h>

#include <map>

#include "model/mapped_file.h"
#include "model/safetensors.h"
#include "runner_support.h"

namespace baton::engine {
namespace {

using testing::RunnerHarness;
using testing::relative_l2;

constexpr int kLengths[] = {1, 2, 7, 15, 16, 17, 31, 32, 33, 48, 64, 65, 100};

/// tests/data/goldens/<family>/golden.safetensors.
class Golden {
 public:
  explicit Golden(const std::string& family) {
    const auto file = model::MappedFile::open(testing::golden_folder(family) / "golden.safetensors").value();
    const auto tensors = model::read_safetensors(file.bytes(), "golden").value();
    for (const auto& tensor : tensors) {
      auto& words = tensors_[tensor.name];
      words.resize(tensor.data.size() / 4);
      std::memcpy(words.data(), tensor.data.data(), tensor.data.size());
    }
  }
  std::vector<TokenId> ids(const std::string& name) const {
    const auto& words = tensors_.at(name);
    return {words.begin(), words.end()};
  }
  std::vector<float> floats(const std::string& name) const {
    std::vector<float> values;
    for (const std::int32_t word : tensors_.at(name)) values.push_back(std::bit_cast<float>(word));
    return values;
  }

 private:
  std::map<std::string, std::vector<std::int32_t>> tensors_;
};

using Param = std::tuple<std::string, kernels::Isa>;
class RunnerGolden : public ::testing::TestWithParam<Param> {
 protected:
  const std::string& family() const { return std::get<0>(GetParam()); }
  CpuOptions options(DType dtype) const {
    return CpuOptions{.threads = 2, .dtype = dtype, .kv_dtype = {}, .isa = std::get<1>(GetParam())};
  }
};
INSTANTIATE_TEST_SUITE_P(Families, RunnerGolden,
                         ::testing::Combine(::testing::Values("llama", "qwen2", "qwen3", "mistral"),
                                            ::testing::ValuesIn(kernels::supported_isas())),
                         [](const auto& test) {
                           return std::get<0>(test.param) + "_" + std::string(kernels::isa_name(std::get<1>(test.param)));
                         });

TEST_P(RunnerGolden, Float32LogitsOfEveryRowAgreeWithTransformers) {
  const Golden golden(family());
  RunnerHarness harness(family(), options(DType::f32));
  double worst = 0.0;
  for (const int n : kLengths) {
    const std::string suffix = "." + std::to_string(n);
    worst = std::max(worst, relative_l2(harness.prompt(golden.ids("ids" + suffix), 1), golden.floats("logits" + suffix)));
  }
  EXPECT_LT(worst, 1e-5);
  RecordProperty("rel_l2", std::to_string(worst));
}

TEST_P(RunnerGolden, Bf16LogitsAreCloserToFloat32ThanTransformersOwn) {
  const Golden golden(family());
  RunnerHarness harness(family(), options(DType::bf16));
  double ours = 0.0;
  double theirs = 0.0;
  for (const int n : kLengths) {
    const std::string suffix = "." + std::to_string(n);
    const auto logits = harness.prompt(golden.ids("ids" + suffix), n);
    const auto all = golden.floats("logits" + suffix);
    const auto bf16 = golden.floats("logits_bf16" + suffix);
    const std::vector<float> exact(all.end() - static_cast<std::ptrdiff_t>(bf16.size()), all.end());
    ours = std::max(ours, relative_l2(logits, exact));
    theirs = std::max(theirs, relative_l2(bf16, exact));
  }
  EXPECT_LT(ours, theirs);
}

TEST_P(RunnerGolden, GreedyContinuationAgreesWithTransformers) {
  const Golden golden(family());
  RunnerHarness harness(family(), options(DType::f32));
  for (const int n : kLengths) {
    const std::string suffix = "." + std::to_string(n);
    std::vector<TokenId> tokens = golden.ids("ids" + suffix);
    const auto expected = golden.ids("greedy" + suffix);
    const auto lead = golden.floats("greedy_lead" + suffix);
    const auto blocks = harness.take_blocks(n + 32);
    std::int32_t start = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto rows = std::span<const TokenId>(tokens).subspan(static_cast<std::size_t>(start));
      const auto logits = harness.step({SequenceRows{rows, start, blocks, 1}});
      const auto best = static_cast<TokenId>(std::ranges::max_element(logits) - logits.begin());
      if (lead[i] > 1e-3F) {
        ASSERT_EQ(best, expected[i]) << "prompt of " << n << ", token " << i;
      }
      start = static_cast<std::int32_t>(tokens.size());
      tokens.push_back(expected[i]);
    }
    harness.give_back(blocks);
  }
}

}  // namespace
}  // namespace baton::engine
