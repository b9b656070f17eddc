#include <algorithm>
#include <utility>

#include "core/check.h"
#include "engine/batching_engine.h"

namespace baton::engine {

namespace {

bool contains(const std::vector<TokenId>& tokens, TokenId token) {
  return std::ranges::find(tokens, token) != tokens.end();
}

/// EOS ends a constrained text whatever else was asked for: nothing may follow it.
bool ends_output(const Sequence& sequence, const ModelInfo& model, TokenId token) {
  const SamplingParams& sampling = sequence.sampling;
  const bool heeds_eos = !sampling.ignore_eos || sequence.matcher.has_value();
  return (heeds_eos && contains(model.eos_tokens, token)) || contains(sampling.stop_token_ids, token);
}

}  // namespace

std::span<const EngineEvent> BatchingEngine::step() {
  events_.clear();
  for (FailedEvent& failure : late_failures_) events_.emplace_back(std::move(failure));
  late_failures_.clear();
  plan();
  if (planned_.empty()) {
    stalled_ = events_.empty();
    return events_;
  }
  ++steps_;
  const auto logits = run();
  if (!logits) {
    for (Sequence* sequence : planned_) fail_sequence(*sequence, logits.error());
    return events_;
  }
  std::span<const float> rest = *logits;
  const auto vocab = static_cast<std::size_t>(model_.vocab);
  for (std::size_t i = 0; i < planned_.size(); ++i) {
    Sequence& sequence = *planned_[i];
    const auto wanted = rest.first(static_cast<std::size_t>(rows_[i].want_logits) * vocab);
    rest = rest.subspan(wanted.size());
    const bool last = rows_[i].start + sequence.rows == sequence.size();
    if (sequence.owes_prompt_logprobs()) report_prompt(sequence, rows_[i].start, wanted);
    advance(sequence);
    if (last) sample(sequence, wanted.last(vocab));
  }
  return events_;
}

Result<std::span<const float>> BatchingEngine::run() {
  const bool watched =
      layer_hook_ && std::ranges::any_of(planned_, [](const Sequence* s) { return s->kind == SequenceKind::prefill; });
  stepping_ = true;
  auto logits = runner_.step(rows_, watched ? on_layer_ : nullptr);
  stepping_ = false;
  std::size_t wanted = 0;
  for (const SequenceRows& rows : rows_) wanted += static_cast<std::size_t>(rows.want_logits);
  BATON_CHECK(!logits || logits->size() == wanted * static_cast<std::size_t>(model_.vocab));
  return logits;
}

void BatchingEngine::layer_done(std::int32_t layer) {
  for (const Sequence* sequence : planned_) {
    if (sequence->kind != SequenceKind::prefill) continue;
    layer_hook_({.sequence = sequence->id, .layer = layer, .upto_token = sequence->computed + sequence->rows});
  }
}

void BatchingEngine::advance(Sequence& sequence) {
  sequence.computed += std::exchange(sequence.rows, 0);
  publish(sequence);
  if (!sequence.prefilled && sequence.computed >= sequence.given_tokens) {
    sequence.prefilled = true;
    events_.emplace_back(PrefilledEvent{.sequence = sequence.id, .cached_tokens = sequence.cached_tokens});
  }
}

/// Blocks full by now can be shared at once: a full block is never written again.
void BatchingEngine::publish(Sequence& sequence) {
  if (!options_.prefix_cache || sequence.computed / options_.block_tokens == sequence.published.blocks) return;
  const auto complete = std::span<const TokenId>(sequence.tokens).first(static_cast<std::size_t>(sequence.computed));
  sequence.published = pool_.publish(sequence.published, complete, sequence.lease.blocks());
}

/// `logits` of the rows from position `start` on. A sequence preempted in its prompt goes through it again: what was
/// reported is not said twice.
void BatchingEngine::report_prompt(Sequence& sequence, std::int32_t start, std::span<const float> logits) {
  const auto vocab = static_cast<std::size_t>(model_.vocab);
  const std::int32_t end = std::min(sequence.prompt_tokens, start + sequence.rows + 1);
  PromptLogprobs report{.first = sequence.prompt_logprobs_done};
  for (std::int32_t at = report.first; at < end; ++at) {
    const TokenId token = sequence.tokens[static_cast<std::size_t>(at)];
    if (at == 0) {
      report.tokens.push_back({.token = {token, 0.0F}});
    } else {
      const auto row = static_cast<std::size_t>(at - 1 - start);
      report.tokens.push_back(sampler_.score(logits.subspan(row * vocab, vocab), token, sequence.sampling.prompt_logprobs));
    }
  }
  if (report.tokens.empty()) return;
  sequence.prompt_logprobs_done = end;
  events_.emplace_back(PromptLogprobsEvent{.sequence = sequence.id, .logprobs = std::move(report)});
}

void BatchingEngine::sample(Sequence& sequence, std::span<const float> logits) {
  SampleInput input{.logits = logits,
                    .tokens = sequence.tokens,
                    .prompt_tokens = sequence.prompt_tokens,
                    .params = sequence.sampling};
  if (sequence.matcher) {
    if (!sequence.matcher->mask(allowed_)) {
      return fail_sequence(sequence, {.code = Errc::invalid_request,
                                      .message = "The model's vocabulary cannot spell what the constraint demands."});
    }
    input.constraint = allowed_;
  }
  TokenOut token = sampler_.sample(input);
  sequence.tokens.push_back(token.token);
  if (sequence.matcher) BATON_CHECK(sequence.matcher->accept(token.token));
  token.finish = finish_of(sequence, token);
  token.stop_token = token.finish == FinishReason::stop && ends_output(sequence, model_, token.token);
  const FinishReason finish = token.finish;
  events_.emplace_back(TokenEvent{.sequence = sequence.id, .token = std::move(token)});
  end_step(sequence, finish);
}

/// Of the sequence's last token. A constrained text ends where nothing can follow, even before min_tokens.
FinishReason BatchingEngine::finish_of(const Sequence& sequence, const TokenOut& token) const {
  const SamplingParams& sampling = sequence.sampling;
  if (sequence.matcher && sequence.matcher->must_end()) return FinishReason::stop;
  if (token.index >= sampling.min_tokens && ends_output(sequence, model_, token.token)) return FinishReason::stop;
  if (token.index + 1 >= sampling.max_tokens || sequence.size() >= model_.max_context) return FinishReason::length;
  return FinishReason::none;
}

void BatchingEngine::end_step(Sequence& sequence, FinishReason finish) {
  if (sequence.kind == SequenceKind::prefill) {
    leave_queue(sequence);
    sequence.phase = SequencePhase::held;
  } else if (finish != FinishReason::none) {
    forget(sequence);
  }
}

void BatchingEngine::fail_sequence(Sequence& sequence, Error error) {
  events_.emplace_back(FailedEvent{.sequence = sequence.id, .error = std::move(error)});
  forget(sequence);
}

}  // namespace baton::engine
