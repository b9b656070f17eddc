#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <variant>
#include <vector>

#include "engine/engine.h"
#include "engine/sampler.h"
#include "support/fake_runner.h"

namespace baton::test {

/// What one sequence of an engine reported.
struct Outcome {
  std::vector<TokenOut> tokens;
  int prefilled = 0;
  std::int32_t cached_tokens = 0;
  std::vector<Error> failures;
  bool finished() const { return !tokens.empty() && tokens.back().finish != FinishReason::none; }
};

/// An engine over a FakeRunner, with every event recorded.
struct EngineHarness {
  explicit EngineHarness(engine::EngineOptions engine_options, FakeModel fake = {})
      : model(fake), runner(fake), memory(runner, engine_options.blocks, engine_options.block_tokens) {
    engine = std::move(*engine::Engine::create(engine_options, runner, memory.view()));
  }

  /// One step; false if there was nothing to do.
  bool step() {
    if (!engine->has_work()) return false;
    for (const engine::EngineEvent& event : engine->step()) record(event);
    return true;
  }
  void run() {
    while (step()) {
    }
  }
  Outcome& of(engine::SequenceId id) { return outcomes[id.value]; }

  void record(const engine::EngineEvent& event) {
    if (const auto* token = std::get_if<engine::TokenEvent>(&event)) {
      of(token->sequence).tokens.push_back(token->token);
    } else if (const auto* done = std::get_if<engine::PrefilledEvent>(&event)) {
      ++of(done->sequence).prefilled;
      of(done->sequence).cached_tokens = done->cached_tokens;
    } else if (const auto* failed = std::get_if<engine::FailedEvent>(&event)) {
      of(failed->sequence).failures.push_back(failed->error);
    }
  }

  /// Every block is free or cached.
  bool all_blocks_back() const {
    const engine::EngineLoad load = engine->load();
    return load.free_blocks + load.cached_blocks == load.total_blocks;
  }

  FakeModel model;
  FakeRunner runner;
  PoolMemory memory;
  std::unique_ptr<engine::Engine> engine;
  std::map<std::uint64_t, Outcome> outcomes;
};

/// Token values with what the engine says about them; attempt and logprob ids left out.
inline std::vector<TokenId> ids(const std::vector<TokenOut>& tokens) {
  std::vector<TokenId> result;
  for (const TokenOut& token : tokens) result.push_back(token.token);
  return result;
}

/// The output of a request by definition: no pool, no batch, no cache; logits of all tokens so far, sample, repeat.
inline std::vector<TokenOut> reference_output(const FakeModel& model, const GenerationSpec& spec) {
  engine::Sampler sampler(model.vocab, model.eos_tokens);
  std::vector<TokenId> tokens = spec.tokens;
  std::vector<TokenOut> output;
  const auto is_end = [&](TokenId t) {
    const auto has = [t](const std::vector<TokenId>& list) {
      return std::find(list.begin(), list.end(), t) != list.end();
    };
    return (!spec.sampling.ignore_eos && has(model.eos_tokens)) || has(spec.sampling.stop_token_ids);
  };
  for (;;) {
    const std::vector<float> logits = FakeRunner::logits_of(model, tokens);
    TokenOut token = sampler.sample(
        {.logits = logits, .tokens = tokens, .prompt_tokens = spec.prompt_tokens(), .params = spec.sampling});
    tokens.push_back(token.token);
    if (is_end(token.token)) {
      token.finish = FinishReason::stop;
      token.stop_token = true;
    } else if (token.index + 1 == spec.sampling.max_tokens || std::ssize(tokens) == model.max_context) {
      token.finish = FinishReason::length;
    }
    output.push_back(token);
    if (token.finish != FinishReason::none) return output;
  }
}

inline bool same_token(const TokenOut& a, const TokenOut& b) {
  const auto same_top = [&] {
    if (a.top.size() != b.top.size()) return false;
    for (std::size_t i = 0; i < a.top.size(); ++i) {
      if (a.top[i].token != b.top[i].token || a.top[i].logprob != b.top[i].logprob) return false;
    }
    return true;
  };
  return a.index == b.index && a.token == b.token && a.finish == b.finish && a.stop_token == b.stop_token &&
         a.logprob == b.logprob && same_top();
}

inline bool same_output(const std::vector<TokenOut>& a, const std::vector<TokenOut>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same_token(a[i], b[i])) return false;
  }
  return true;
}

/// Random requests whose prompts often share prefixes and whose sampling uses every feature.
class RandomSpecs {
 public:
  explicit RandomSpecs(std::uint32_t seed) : random_(seed) {}

  int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }

  GenerationSpec next(int longest_prompt, int longest_output) {
    GenerationSpec spec;
    const int family = pick(0, 2);
    const int length = pick(1, longest_prompt);
    for (int i = 0; i < length; ++i) spec.tokens.push_back(1 + (family * 7 + i * 3) % 60);
    if (pick(0, 1) == 0) spec.tokens[static_cast<std::size_t>(pick(length / 2, length - 1))] = pick(1, 63);
    SamplingParams& s = spec.sampling;
    s.max_tokens = pick(1, longest_output);
    s.temperature = pick(0, 2) == 0 ? 0.0F : 0.9F;
    s.seed = static_cast<std::uint64_t>(pick(0, 1 << 30));
    if (pick(0, 3) == 0) s.top_p = 0.8F;
    if (pick(0, 3) == 0) s.top_k = 9;
    if (pick(0, 3) == 0) s.frequency_penalty = 0.5F, s.repetition_penalty = 1.2F;
    if (pick(0, 4) == 0) s.logprobs = pick(0, 3);
    if (pick(0, 4) == 0) s.min_tokens = pick(0, s.max_tokens);
    if (pick(0, 4) == 0) s.stop_token_ids = {pick(1, 63), pick(1, 63)};
    s.ignore_eos = pick(0, 3) == 0;
    return spec;
  }

 private:
  std::mt19937 random_;
};

}  // namespace baton::test
