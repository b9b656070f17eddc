#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "baton/types.h"
#include "engine/token_filter.h"

namespace baton::engine {

/// Chooses tokens. A pure function of its input: the same logits, tokens and params give the same token on every
/// worker.
///
/// Order as in vLLM: constraint, allowed tokens, bad words, min_tokens (TokenFilter) and logit_bias; repetition, frequency, presence penalty; temperature; min_p;
/// top_k; top_p. Ties go to the lower id. The draw takes the first token, in id order, whose cumulative probability
/// exceeds philox_uniform(seed, output index). Temperature below 1e-5: the largest logit after masks and penalties.
/// Logprobs are the log-softmax of the raw logits.
///
/// Holds workspace for one vocabulary: no allocation per token, except for the list of logprobs when asked for.
/// Not thread-safe; one per thread.
class Sampler {
 public:
  Sampler(std::int32_t vocab, std::vector<TokenId> eos_tokens);

  /// Fills index, token, logprob and top of the result; the finish reason is the caller's to decide.
  TokenOut sample(const SampleInput& input);

  /// The logprob of `token` under `logits` and the `best` best ones.
  PromptLogprobs::Entry score(std::span<const float> logits, TokenId token, std::int32_t best);

 private:
  struct Candidate {
    float logit;
    TokenId token;
  };
  static bool better(const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  }

  void mask_and_bias(const SampleInput& input, std::span<const std::uint64_t> allowed);
  void apply_penalties(const SampleInput& input);
  TokenId draw(const SamplingParams& params, float uniform);
  // These zero the weights of the tokens they exclude.
  void apply_top_k(std::int32_t top_k);
  void apply_top_p(float top_p);
  /// Lists the tokens of some weight that reach both bounds; the others' weights become zero.
  void collect_candidates(float least_logit, float least_weight);
  void drop_candidates_from(std::size_t keep);
  TokenId pick(float uniform);
  /// A logit at least `count` tokens reach, cheaply found; -inf if `count` is too large for a useful bound.
  float floor_of_best(std::int32_t count);
  std::vector<TokenLogprob> top_logprobs(std::int32_t count, double log_sum);

  TokenFilter filter_;
  std::vector<float> logits_;          // [vocab] clean working copy
  std::vector<float> weights_;         // [vocab] unnormalised probabilities
  std::vector<float> group_tops_;      // [vocab / group]
  std::vector<double> block_sums_;     // [vocab / block]
  std::vector<Candidate> candidates_;  // capacity vocab
  std::vector<std::int32_t> counts_;   // [vocab] zero between calls
};

}  // namespace baton::engine
