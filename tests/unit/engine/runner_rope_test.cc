#include <gtest/gtest.h>

#include <cmath>

#include "engine/rope.h"

namespace baton::engine {
namespace {

model::ModelDescription description(model::RopeScaling scaling) {
  model::ModelDescription d;
  d.head_dim = 64;
  d.rope_theta = 500000.0;
  d.rope_scaling = scaling;
  return d;
}

TEST(RunnerRope, PlainFrequenciesArePowersOfTheta) {
  const auto frequencies = rope_frequencies(description({}));
  ASSERT_EQ(frequencies.size(), 32U);
  EXPECT_EQ(frequencies[0], 1.0F);
  EXPECT_NEAR(frequencies[16], std::pow(500000.0, -0.5), 1e-9);
}

TEST(RunnerRope, LinearScalingDividesAll) {
  const auto plain = rope_frequencies(description({}));
  const auto scaled = rope_frequencies(description({.kind = model::RopeScalingKind::linear, .factor = 4.0}));
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_FLOAT_EQ(scaled[i], plain[i] / 4.0F);
}

TEST(RunnerRope, Llama3ScalingKeepsShortWavesAndStretchesLongOnes) {
  const auto plain = rope_frequencies(description({}));
  const auto scaled = rope_frequencies(description({.kind = model::RopeScalingKind::llama3, .factor = 8.0}));
  int kept = 0;
  int stretched = 0;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const double wave = 2.0 * 3.14159265358979 / static_cast<double>(plain[i]);
    if (wave < 2048.0) {
      EXPECT_EQ(scaled[i], plain[i]);
      ++kept;
    } else if (wave > 8192.0) {
      EXPECT_FLOAT_EQ(scaled[i], plain[i] / 8.0F);
      ++stretched;
    } else {
      EXPECT_LT(scaled[i], plain[i]);
      EXPECT_GT(scaled[i], plain[i] / 8.0F);
    }
  }
  EXPECT_GT(kept, 5);
  EXPECT_GT(stretched, 5);
}

TEST(RunnerRope, TheTableGrowsWithoutChangingWhatItHas) {
  RopeTable table(rope_frequencies(description({})));
  table.grow(3);
  const std::vector<float> before(table.cos(2), table.cos(2) + 32);
  table.grow(100);
  table.grow(50);
  EXPECT_EQ(before, std::vector<float>(table.cos(2), table.cos(2) + 32));
  EXPECT_FLOAT_EQ(table.sin(99)[0], std::sin(99.0F));
  EXPECT_EQ(table.cos(0)[7], 1.0F);
}

}  // namespace
}  // namespace baton::engine
