#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <random>
#include <set>

#include "core/philox.h"
#include "engine/logit_math.h"

namespace baton::engine {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// The definition, in float64, by full sorts. Returns each token's probability, or nothing if a decision is too close
/// for float32.
std::optional<std::vector<double>> reference_distribution(const SampleInput& in, const std::vector<TokenId>& eos) {
  const SamplingParams& p = in.params;
  std::vector<double> x(in.logits.begin(), in.logits.end());
  const std::set<TokenId> all(in.tokens.begin(), in.tokens.end());
  std::map<TokenId, int> output;
  for (auto i = static_cast<std::size_t>(in.prompt_tokens); i < in.tokens.size(); ++i) ++output[in.tokens[i]];
  const auto at = [&](TokenId t) -> double& { return x[static_cast<std::size_t>(t)]; };
  for (const auto& [token, bias] : p.logit_bias) at(token) += static_cast<double>(bias);
  if (std::ssize(in.tokens) - in.prompt_tokens < p.min_tokens) {
    for (const TokenId t : eos) at(t) = -INFINITY;
    for (const TokenId t : p.stop_token_ids) at(t) = -INFINITY;
  }
  const auto repetition = static_cast<double>(p.repetition_penalty);
  for (const TokenId t : all) at(t) = at(t) > 0 ? at(t) / repetition : at(t) * repetition;
  for (const auto& [t, n] : output)
    at(t) -= static_cast<double>(p.frequency_penalty) * n + static_cast<double>(p.presence_penalty);
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return x[a] > x[b]; });
  std::vector<double> w(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) w[i] = std::exp((x[i] - x[order[0]]) / static_cast<double>(p.temperature));
  for (double& weight : w) {
    if (p.min_p > 0 && std::abs(weight - static_cast<double>(p.min_p)) < 1e-6) return std::nullopt;
    if (weight < static_cast<double>(p.min_p)) weight = 0;
  }
  if (p.top_k > 0 && static_cast<std::size_t>(p.top_k) < x.size()) {
    const double gap = x[order[static_cast<std::size_t>(p.top_k) - 1]] - x[order[static_cast<std::size_t>(p.top_k)]];
    if (gap != 0 && gap < 1e-5) return std::nullopt;
    for (auto i = static_cast<std::size_t>(p.top_k); i < x.size(); ++i) w[order[i]] = 0;
  }
  if (p.top_p < 1) {
    const double total = std::accumulate(w.begin(), w.end(), 0.0);
    double reached = 0;
    for (const std::size_t i : order) {
      if (reached >= static_cast<double>(p.top_p) * total) {
        w[i] = 0;
      } else {
        reached += w[i];
        if (std::abs(reached / total - static_cast<double>(p.top_p)) < 1e-5) return std::nullopt;
      }
    }
  }
  const double total = std::accumulate(w.begin(), w.end(), 0.0);
  for (double& weight : w) weight /= total;
  return w;
}

struct Draws {
  explicit Draws(std::vector<float> values, std::vector<TokenId> eos = {})
      : logits(std::move(values)), sampler(static_cast<std::int32_t>(logits.size()), std::move(eos)) {}
  TokenOut operator()(const SamplingParams& params, std::vector<TokenId> tokens = {0}, std::int32_t prompt = 1) {
    return sampler.sample({.logits = logits, .tokens = tokens, .prompt_tokens = prompt, .params = params});
  }
  /// Tokens that 2000 seeds give.
  std::set<TokenId> support(SamplingParams params, const std::vector<TokenId>& tokens = {0}, std::int32_t prompt = 1) {
    std::set<TokenId> seen;
    for (params.seed = 0; params.seed < 2000; ++params.seed) seen.insert((*this)(params, tokens, prompt).token);
    return seen;
  }
  std::vector<float> logits;
  Sampler sampler;
};

SamplingParams greedy() {
  SamplingParams params;
  params.temperature = 0;
  return params;
}

}  // namespace

TEST(LogitMath, exp_is_within_two_ulp_of_the_library) {
  for (float x = -86.9F; x <= 0; x += 0.00137F) {
    const double exact = std::exp(static_cast<double>(x));
    ASSERT_NEAR(static_cast<double>(exp_nonpositive(x)) / exact, 1.0, 2e-7) << x;
  }
  EXPECT_EQ(exp_nonpositive(0.0F), 1.0F);
  EXPECT_EQ(exp_nonpositive(-88.0F), 0.0F);
  EXPECT_EQ(exp_nonpositive(-kInf), 0.0F);
}

TEST(Sampler, agrees_with_the_definition_in_float64) {
  std::mt19937 random(1);
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  const auto real = [&](double low, double high) {
    return static_cast<float>(std::uniform_real_distribution<double>(low, high)(random));
  };
  int checked = 0;
  for (int round = 0; round < 4000; ++round) {
    const int vocab = std::array{1, 3, 17, 64, 300, 3000}[static_cast<std::size_t>(pick(0, 5))];
    std::vector<float> logits(static_cast<std::size_t>(vocab));
    const bool coarse = pick(0, 4) == 0;  // many ties
    for (float& x : logits) x = coarse ? static_cast<float>(pick(-3, 3)) : real(-8, 8);
    SamplingParams p;
    p.temperature = real(0.3, 2.0);
    if (pick(0, 1) != 0) p.top_k = pick(1, vocab + 3);
    if (pick(0, 1) != 0) p.top_p = real(0, 1);
    if (pick(0, 2) == 0) p.min_p = real(0, 0.3);
    if (pick(0, 2) == 0) p.repetition_penalty = real(0.6, 1.8);
    if (pick(0, 2) == 0) p.frequency_penalty = real(-2, 2);
    if (pick(0, 2) == 0) p.presence_penalty = real(-2, 2);
    if (pick(0, 3) == 0) p.logit_bias = {{pick(0, vocab - 1), real(-100, 100)}, {pick(0, vocab - 1), real(-3, 3)}};
    if (pick(0, 3) == 0 && vocab > 3) p.min_tokens = pick(0, 5), p.stop_token_ids = {pick(1, vocab - 1)};
    p.seed = static_cast<std::uint64_t>(pick(0, 1 << 30));
    std::vector<TokenId> tokens;
    for (int i = pick(1, 12); i > 0; --i) tokens.push_back(pick(0, vocab - 1));
    const int prompt = pick(1, static_cast<int>(tokens.size()));
    const std::vector<TokenId> eos = vocab > 3 ? std::vector<TokenId>{0} : std::vector<TokenId>{};
    Sampler sampler(vocab, eos);
    const SampleInput input{.logits = logits, .tokens = tokens, .prompt_tokens = prompt, .params = p};
    const auto probabilities = reference_distribution(input, eos);
    if (!probabilities) continue;
    const double u = static_cast<double>(philox_uniform(p.seed, tokens.size() - static_cast<std::size_t>(prompt)));
    double before = 0;
    std::size_t expected = 0;
    while (before + (*probabilities)[expected] <= u && expected + 1 < probabilities->size())
      before += (*probabilities)[expected++];
    if (u - before < 1e-5 || before + (*probabilities)[expected] - u < 1e-5) continue;
    ++checked;
    ASSERT_EQ(sampler.sample(input).token, static_cast<TokenId>(expected)) << "round " << round << " vocab " << vocab;
  }
  EXPECT_GT(checked, 3000);
}

TEST(Sampler, frequencies_follow_the_softmax) {
  std::vector<float> logits;
  for (int i = 0; i < 20; ++i) logits.push_back(static_cast<float>((i * 7) % 20) * 0.2F);
  Draws draws(logits);
  for (const float temperature : {0.5F, 1.0F, 1.7F}) {
    SamplingParams p;
    p.temperature = temperature;
    std::vector<double> seen(20);
    const int n = 100'000;
    for (p.seed = 0; p.seed < n; ++p.seed) ++seen[static_cast<std::size_t>(draws(p).token)];
    double total = 0, chi_square = 0;
    for (const float x : logits) total += std::exp(static_cast<double>(x / temperature));
    for (std::size_t i = 0; i < 20; ++i) {
      const double expected = n * std::exp(static_cast<double>(logits[i] / temperature)) / total;
      chi_square += (seen[i] - expected) * (seen[i] - expected) / expected;
    }
    EXPECT_LT(chi_square, 50.8) << temperature;  // 19 degrees of freedom, p = 0.0001
  }
}

TEST(Sampler, draws_over_output_positions_are_independent_of_history) {
  Draws draws({0, 0, 0, 0});
  SamplingParams p;
  p.seed = 5;
  const TokenId at_three = draws(p, {1, 2, 3, 3}, 1).token;
  draws(p);
  EXPECT_EQ(draws(p, {0, 0, 1, 2}, 1).token, at_three);
  EXPECT_EQ(draws(p, {0, 0, 1, 2, 2}, 2).token, at_three);
  std::map<TokenId, int> seen;
  std::vector<TokenId> tokens{0};
  for (int i = 0; i < 4000; ++i) {
    const TokenOut out = draws(p, tokens, 1);
    EXPECT_EQ(out.index, i);
    ++seen[out.token];
    tokens.push_back(out.token);
  }
  for (TokenId t = 0; t < 4; ++t) EXPECT_NEAR(seen[t], 1000, 130);
}

TEST(Sampler, greedy_takes_the_largest_and_the_lowest_of_equals) {
  EXPECT_EQ(Draws({1, 5, 5, 2})(greedy()).token, 1);
  SamplingParams cold;
  cold.temperature = 0.9e-5F;
  EXPECT_EQ(Draws({1, 5, 5, 2})(cold).token, 1);
  cold.temperature = kNan;
  EXPECT_EQ(Draws({1, 5, 5, 2})(cold).token, 1);
  std::vector<float> wide(1000, 0.0F);
  wide[999] = wide[998] = 1.0F;
  EXPECT_EQ(Draws(wide)(greedy()).token, 998);
}

TEST(Sampler, is_safe_with_nan_and_infinite_logits) {
  SamplingParams warm, with_logprobs = greedy();
  with_logprobs.logprobs = 2;
  EXPECT_EQ(Draws({kNan, 1, kNan, 2})(greedy()).token, 3);
  EXPECT_EQ(Draws({kNan, 1, kNan, -kInf}).support(warm), (std::set<TokenId>{1}));
  EXPECT_EQ(Draws({0, kInf, 3})(greedy()).token, 1);
  EXPECT_EQ(Draws({0, kInf, 3}).support(warm), (std::set<TokenId>{1}));
  for (const float nothing : {kNan, -kInf}) {
    EXPECT_EQ(Draws({nothing, nothing})(greedy()).token, 0);
    EXPECT_EQ(Draws({nothing, nothing})(warm).token, 0);
    EXPECT_EQ(Draws({nothing, nothing})(with_logprobs).logprob, -kInf);
  }
  SamplingParams hot;
  hot.temperature = kInf;
  EXPECT_EQ(Draws({0, 9, -kInf}).support(hot), (std::set<TokenId>{0, 1}));
}

TEST(Sampler, top_k_keeps_exactly_k_and_prefers_lower_ids_among_equals) {
  SamplingParams p;
  p.top_k = 2;
  EXPECT_EQ(Draws({1, 3, 3, 3}).support(p), (std::set<TokenId>{1, 2}));
  p.top_k = 1;
  EXPECT_EQ(Draws({1, 3, 3, 3}).support(p), (std::set<TokenId>{1}));
  for (const int off : {0, -1, 4, 1000}) {
    p.top_k = off;
    EXPECT_EQ(Draws({1, 1, 1, 1}).support(p).size(), 4U);
  }
}

TEST(Sampler, top_p_keeps_the_smallest_set_that_reaches_it) {
  const std::vector<float> logits{std::log(0.5F), std::log(0.3F), std::log(0.2F)};
  SamplingParams p;
  const std::vector<std::pair<float, std::size_t>> cases{{0.0F, 1},  {0.49F, 1}, {0.51F, 2},
                                                         {0.79F, 2}, {0.81F, 3}, {1.0F, 3}};
  for (const auto& [top_p, kept] : cases) {
    p.top_p = top_p;
    EXPECT_EQ(Draws(logits).support(p).size(), kept) << top_p;
  }
  p.top_p = 0.6F;
  p.top_k = 2;  // top_p refers to what top_k leaves: 0.5 of 0.8 reaches 0.6
  EXPECT_EQ(Draws(logits).support(p).size(), 1U);
}

TEST(Sampler, min_p_is_relative_to_the_best) {
  const std::vector<float> logits{std::log(0.5F), std::log(0.3F), std::log(0.2F), std::log(0.5F)};
  SamplingParams p;
  p.min_p = 0.5F;
  EXPECT_EQ(Draws(logits).support(p), (std::set<TokenId>{0, 1, 3}));
  for (const float all_of_best : {1.0F, 2.0F}) {
    p.min_p = all_of_best;
    EXPECT_EQ(Draws(logits).support(p), (std::set<TokenId>{0, 3}));
  }
}

TEST(Sampler, logit_bias_bans_and_forces) {
  SamplingParams p;
  p.logit_bias = {{2, -100.0F}};
  EXPECT_EQ(Draws({0, 0, 4}).support(p), (std::set<TokenId>{0, 1}));
  p.logit_bias = {{0, 100.0F}};
  EXPECT_EQ(Draws({0, 0, 4}).support(p), (std::set<TokenId>{0}));
  SamplingParams cold = greedy();
  cold.logit_bias = {{2, -100.0F}, {1, 1.0F}};
  EXPECT_EQ(Draws({0, 0, 4})(cold).token, 1);
  cold.logit_bias = {{7, 100.0F}, {-1, 100.0F}};
  EXPECT_EQ(Draws({0, 0, 4})(cold).token, 2);
  cold.logit_bias = {{2, kNan}};
  EXPECT_EQ(Draws({0, 1, 4})(cold).token, 1);
}

TEST(Sampler, min_tokens_masks_eos_and_stop_tokens_even_against_a_bias) {
  SamplingParams p = greedy();
  p.min_tokens = 2;
  p.stop_token_ids = {1, 99};
  p.logit_bias = {{0, 100.0F}};
  Draws draws({9, 8, 7}, {0});
  EXPECT_EQ(draws(p, {0}, 1).token, 2);
  EXPECT_EQ(draws(p, {0, 2}, 1).token, 2);
  EXPECT_EQ(draws(p, {0, 2, 2}, 1).token, 0);
  p.logit_bias.clear();
  EXPECT_EQ(draws(p, {0, 2, 2}, 1).token, 0);
}

TEST(Sampler, penalties_count_the_tokens_they_should) {
  SamplingParams p = greedy();
  p.repetition_penalty = 2.0F;  // prompt and output
  EXPECT_EQ(Draws({3, 2, 1})(p, {0}, 1).token, 1);
  EXPECT_EQ(Draws({-1, -1.5F, -9})(p, {0}, 1).token, 1);
  p = greedy();
  p.presence_penalty = 1.5F;  // output only
  EXPECT_EQ(Draws({3, 2, 1})(p, {0}, 1).token, 0);
  EXPECT_EQ(Draws({3, 2, 1})(p, {0, 0}, 1).token, 1);
  EXPECT_EQ(Draws({3, 1, 1})(p, {0, 0, 0}, 1).token, 0);
  p = greedy();
  p.frequency_penalty = 0.6F;  // once per occurrence
  EXPECT_EQ(Draws({3, 2, 1})(p, {1, 0}, 1).token, 0);
  EXPECT_EQ(Draws({3, 2, 1})(p, {1, 0, 0}, 1).token, 1);
}

TEST(Sampler, a_call_leaves_no_trace_in_the_next) {
  Draws used({3, 2, 1, 0});
  SamplingParams odd;
  odd.repetition_penalty = 1.5F;
  odd.frequency_penalty = 1.0F;
  odd.top_k = 2;
  odd.top_p = 0.5F;
  odd.logprobs = 3;
  for (odd.seed = 0; odd.seed < 20; ++odd.seed) used(odd, {0, 1, 2, 0, 1}, 2);
  SamplingParams plain;
  for (plain.seed = 0; plain.seed < 200; ++plain.seed) {
    EXPECT_EQ(used(plain, {0, 0}, 1).token, Draws({3, 2, 1, 0})(plain, {0, 0}, 1).token);
  }
}

TEST(Sampler, logprobs_are_of_the_raw_logits_sorted_and_complete) {
  std::vector<float> logits;
  for (int i = 0; i < 300; ++i) logits.push_back(static_cast<float>((i * 37) % 100) * 0.1F);
  double total = 0;
  for (const float x : logits) total += std::exp(static_cast<double>(x));
  SamplingParams p;
  p.temperature = 0.2F;
  p.logit_bias = {{0, 100.0F}};
  p.logprobs = 5;
  const TokenOut out = Draws(logits)(p);
  EXPECT_EQ(out.token, 0);
  EXPECT_NEAR(out.logprob, -std::log(total), 1e-5);
  ASSERT_EQ(out.top.size(), 5U);
  const std::vector<TokenId> best{27, 127, 227, 54, 154};  // 37·27 = 999, 37·54 = 1998: ties by id
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(out.top[i].token, best[i]);
    EXPECT_NEAR(out.top[i].logprob, static_cast<double>(logits[static_cast<std::size_t>(best[i])]) - std::log(total),
                1e-5);
  }
  p.logprobs = 0;
  EXPECT_TRUE(Draws(logits)(p).top.empty());
  EXPECT_NEAR(Draws(logits)(p).logprob, -std::log(total), 1e-5);
  p.logprobs = 1000;
  const TokenOut all = Draws(logits)(p);
  ASSERT_EQ(all.top.size(), 300U);
  double sum = 0;
  for (const TokenLogprob& entry : all.top) sum += std::exp(static_cast<double>(entry.logprob));
  EXPECT_NEAR(sum, 1.0, 1e-5);
  p.logprobs = -1;
  EXPECT_TRUE(Draws(logits)(p).top.empty());
}

TEST(Sampler, logprobs_do_not_change_the_choice) {
  std::vector<float> logits;
  for (int i = 0; i < 200; ++i) logits.push_back(static_cast<float>((i * 31) % 50) * 0.1F);
  Draws draws(logits);
  SamplingParams plain, with;
  with.logprobs = 4;
  for (plain.seed = 0; plain.seed < 200; ++plain.seed) {
    with.seed = plain.seed;
    EXPECT_EQ(draws(plain).token, draws(with).token);
  }
}

}  // namespace baton::engine
