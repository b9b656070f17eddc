#include "engine/sampler.h"

#include <algorithm>
#include <functional>
#include <limits>

#include "core/check.h"
#include "core/philox.h"
#include "engine/logit_math.h"

namespace baton::engine {

namespace {

constexpr float kMinusInf = -std::numeric_limits<float>::infinity();
constexpr float kGreedyBelow = 1e-5F;
constexpr std::size_t kGroup = 64;    // tokens judged by their best one before each is looked at
constexpr std::size_t kBlock = 1024;  // tokens summed up before a draw looks at each

bool penalises(const SamplingParams& p) {
  return p.repetition_penalty != 1.0F || p.presence_penalty != 0.0F || p.frequency_penalty != 0.0F;
}

float log_probability(float clean_logit, double log_sum) {
  return clean_logit == kMinusInf ? kMinusInf : static_cast<float>(static_cast<double>(clean_logit) - log_sum);
}

/// Orders the best candidates to the front until their weights reach `need`; returns how many that takes, at least
/// one. Quickselect by mass: expected linear time.
template <class Candidates, class Better>
std::size_t nucleus(Candidates& candidates, std::span<const float> weights, double need, Better better) {
  std::size_t low = 0, high = candidates.size();
  while (high - low > 1) {
    const std::size_t middle = low + (high - low) / 2;
    const auto at = [&](std::size_t i) { return candidates.begin() + static_cast<std::ptrdiff_t>(i); };
    std::nth_element(at(low), at(middle), at(high), better);
    double mass = 0;
    for (std::size_t i = low; i < middle; ++i) {
      mass += static_cast<double>(weights[static_cast<std::size_t>(candidates[i].token)]);
    }
    if (mass >= need) {
      high = middle;
    } else {
      need -= mass;
      low = middle;
    }
  }
  return high;
}

}  // namespace

Sampler::Sampler(std::int32_t vocab, std::vector<TokenId> eos_tokens)
    : filter_(vocab, std::move(eos_tokens)),
      logits_(static_cast<std::size_t>(vocab)),
      weights_(static_cast<std::size_t>(vocab)),
      group_tops_((static_cast<std::size_t>(vocab) + kGroup - 1) / kGroup),
      block_sums_((static_cast<std::size_t>(vocab) + kBlock - 1) / kBlock),
      counts_(static_cast<std::size_t>(vocab)) {
  BATON_CHECK(vocab > 0);
  candidates_.reserve(static_cast<std::size_t>(vocab));
}

TokenOut Sampler::sample(const SampleInput& input) {
  BATON_CHECK(input.logits.size() == logits_.size());
  const SamplingParams& params = input.params;
  TokenOut out;
  out.index = input.output_index();
  const auto allowed = filter_.allowed(input);
  const bool masks = !allowed.empty() || !params.logit_bias.empty();
  const bool greedy = !(params.temperature >= kGreedyBelow);
  if (greedy && !masks && !penalises(params) && params.logprobs < 0) {
    out.token = argmax(input.logits);
    return out;
  }
  copy_clean(input.logits, logits_);
  double log_sum = 0;
  if (params.logprobs >= 0) {
    log_sum = log_sum_exp(logits_, weights_);
    out.top = top_logprobs(params.logprobs, log_sum);
  }
  if (masks) mask_and_bias(input, allowed);
  if (penalises(params)) apply_penalties(input);
  if (masks || penalises(params)) copy_clean(logits_, logits_);  // a bias or penalty may be anything
  const float uniform = greedy ? 0.0F : philox_uniform(params.seed, static_cast<std::uint64_t>(out.index));
  out.token = greedy ? argmax(logits_) : draw(params, uniform);
  if (!allowed.empty() && !contains(allowed, out.token)) out.token = lowest(allowed);  // no allowed one has a finite logit
  if (params.logprobs >= 0) {
    float raw = input.logits[static_cast<std::size_t>(out.token)];
    copy_clean(std::span(&raw, 1), std::span(&raw, 1));
    out.logprob = log_probability(raw, log_sum);
  }
  return out;
}

PromptLogprobs::Entry Sampler::score(std::span<const float> logits, TokenId token, std::int32_t best) {
  BATON_CHECK(logits.size() == logits_.size());
  copy_clean(logits, logits_);
  const double log_sum = log_sum_exp(logits_, weights_);
  return {.token = {token, log_probability(logits_[static_cast<std::size_t>(token)], log_sum)},
          .top = top_logprobs(best, log_sum)};
}

void Sampler::mask_and_bias(const SampleInput& input, std::span<const std::uint64_t> allowed) {
  for (const auto& [token, bias] : input.params.logit_bias) {
    if (token >= 0 && static_cast<std::size_t>(token) < logits_.size())
      logits_[static_cast<std::size_t>(token)] += bias;
  }
  for (std::size_t word = 0; word < allowed.size(); ++word) {
    if (allowed[word] == ~std::uint64_t{0}) continue;
    const std::size_t begin = word * 64, end = std::min(begin + 64, logits_.size());
    for (std::size_t t = begin; t < end; ++t) {
      if ((allowed[word] >> (t - begin) & 1) == 0) logits_[t] = kMinusInf;
    }
  }
}

void Sampler::apply_penalties(const SampleInput& input) {
  const SamplingParams& p = input.params;
  if (p.repetition_penalty != 1.0F) {
    for (const TokenId token : input.tokens) {
      const auto t = static_cast<std::size_t>(token);
      if (counts_[t]++ != 0) continue;
      logits_[t] = logits_[t] > 0 ? logits_[t] / p.repetition_penalty : logits_[t] * p.repetition_penalty;
    }
    for (const TokenId token : input.tokens) counts_[static_cast<std::size_t>(token)] = 0;
  }
  const auto output = input.tokens.subspan(static_cast<std::size_t>(input.prompt_tokens));
  for (const TokenId token : output) ++counts_[static_cast<std::size_t>(token)];
  for (const TokenId token : output) {
    const auto t = static_cast<std::size_t>(token);
    if (counts_[t] == 0) continue;
    logits_[t] -= p.frequency_penalty * static_cast<float>(counts_[t]);
    logits_[t] -= p.presence_penalty;
    counts_[t] = 0;
  }
}

TokenId Sampler::draw(const SamplingParams& params, float uniform) {
  const float top = max_value(logits_);
  if (top == kMinusInf) return 0;
  // The upper bound keeps -inf · scale at -inf.
  exp_weights(logits_, top, 1.0F / std::min(params.temperature, 1e30F), weights_);
  if (params.min_p > 0.0F) keep_from(weights_, std::min(params.min_p, 1.0F));  // the best token's weight is exactly 1
  if (params.top_k > 0 && static_cast<std::size_t>(params.top_k) < logits_.size()) apply_top_k(params.top_k);
  if (params.top_p < 1.0F) apply_top_p(std::max(params.top_p, 0.0F));
  return pick(uniform);
}

void Sampler::apply_top_k(std::int32_t top_k) {
  collect_candidates(floor_of_best(top_k), 0.0F);
  if (static_cast<std::size_t>(top_k) >= candidates_.size()) return;
  std::nth_element(candidates_.begin(), candidates_.begin() + top_k, candidates_.end(), better);
  drop_candidates_from(static_cast<std::size_t>(top_k));
}

void Sampler::apply_top_p(float top_p) {
  const double need = static_cast<double>(top_p) * sum(weights_);
  // A bound the nucleus surely lies above, so that few tokens must be looked at one by one.
  float least = 0.0625F;
  while (least > 1e-9F && sum_from(weights_, least) < need * (1 + 1e-9)) least *= 0.0625F;
  collect_candidates(kMinusInf, least > 1e-9F ? least : 0.0F);
  drop_candidates_from(nucleus(candidates_, weights_, need, better));
}

void Sampler::collect_candidates(float least_logit, float least_weight) {
  candidates_.clear();
  const std::span<float> logits(logits_), weights(weights_);
  for (std::size_t begin = 0; begin < weights.size(); begin += kGroup) {
    const std::size_t end = std::min(begin + kGroup, weights.size());
    const auto group = weights.subspan(begin, end - begin);
    const float best = max_value(group);
    if (best == 0.0F || best < least_weight || max_value(logits.subspan(begin, end - begin)) < least_logit) {
      std::ranges::fill(group, 0.0F);
      continue;
    }
    for (std::size_t t = begin; t < end; ++t) {
      if (weights[t] > 0.0F && weights[t] >= least_weight && logits[t] >= least_logit) {
        candidates_.push_back({logits[t], static_cast<TokenId>(t)});
      } else {
        weights[t] = 0.0F;
      }
    }
  }
}

void Sampler::drop_candidates_from(std::size_t keep) {
  for (std::size_t i = keep; i < candidates_.size(); ++i) {
    weights_[static_cast<std::size_t>(candidates_[i].token)] = 0.0F;
  }
  candidates_.resize(keep);
}

float Sampler::floor_of_best(std::int32_t count) {
  if (static_cast<std::size_t>(count) > group_tops_.size()) return kMinusInf;
  const std::span<const float> logits(logits_);
  for (std::size_t g = 0; g < group_tops_.size(); ++g) {
    group_tops_[g] = max_value(logits.subspan(g * kGroup, std::min(kGroup, logits.size() - g * kGroup)));
  }
  // `count` groups have a best logit this high, so `count` tokens have.
  const auto nth = group_tops_.begin() + (count - 1);
  std::nth_element(group_tops_.begin(), nth, group_tops_.end(), std::greater<>());
  return *nth;
}

TokenId Sampler::pick(float uniform) {
  const std::span<const float> weights(weights_);
  const auto block_at = [&](std::size_t begin) {
    return weights.subspan(begin, std::min(kBlock, weights.size() - begin));
  };
  double total = 0;
  for (std::size_t b = 0; b < block_sums_.size(); ++b) total += block_sums_[b] = sum(block_at(b * kBlock));
  const double target = static_cast<double>(uniform) * total;
  // The block the target falls into; should rounding put it behind the last one, the last that weighs anything.
  std::size_t chosen = 0;
  double before = 0, reached = 0;
  for (std::size_t b = 0; b < block_sums_.size() && reached <= target; ++b) {
    if (block_sums_[b] == 0) continue;
    chosen = b * kBlock;
    before = reached;
    reached += block_sums_[b];
  }
  TokenId token = 0;
  const auto block = block_at(chosen);
  for (std::size_t i = 0; i < block.size() && before <= target; ++i) {
    if (block[i] == 0.0F) continue;
    token = static_cast<TokenId>(chosen + i);
    before += static_cast<double>(block[i]);
  }
  return token;
}

std::vector<TokenLogprob> Sampler::top_logprobs(std::int32_t count, double log_sum) {
  std::vector<TokenLogprob> top;
  const auto best = std::min(static_cast<std::size_t>(count), logits_.size());
  if (best == 0) return top;
  const float floor = floor_of_best(static_cast<std::int32_t>(best));
  candidates_.clear();
  for (std::size_t t = 0; t < logits_.size(); ++t) {
    if (logits_[t] >= floor) candidates_.push_back({logits_[t], static_cast<TokenId>(t)});
  }
  const auto end = candidates_.begin() + static_cast<std::ptrdiff_t>(best);
  std::partial_sort(candidates_.begin(), end, candidates_.end(), better);
  top.reserve(best);
  for (std::size_t i = 0; i < best; ++i) {
    top.push_back({.token = candidates_[i].token, .logprob = log_probability(candidates_[i].logit, log_sum)});
  }
  return top;
}

}  // namespace baton::engine
