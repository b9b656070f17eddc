#include "engine/batching_engine.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/check.h"
#include "kv/plan.h"

namespace baton::engine {

namespace {

Result<EngineOptions> check_options(EngineOptions options, const ModelRunner& runner, const KvPoolView& pool) {
  const auto bad = [](std::string message) { return fail(Errc::config, std::move(message)); };
  if (options.max_batch < 1 || options.chunk_tokens < 1 || options.max_waiting < 1) {
    return bad("max_batch, prefill_chunk_tokens and the engine queue must be at least 1");
  }
  if (options.blocks == 0) options.blocks = pool.layout.blocks;
  if (options.blocks < 1 || options.blocks != pool.layout.blocks || pool.base == nullptr) {
    return bad("the KV pool has " + std::to_string(pool.layout.blocks) + " blocks, the engine expects " +
               std::to_string(options.blocks));
  }
  if (options.block_tokens < 1 || !kv::same_geometry(pool.layout, runner.kv_layout(options.block_tokens))) {
    return bad("the KV pool's geometry is not the model's");
  }
  if (runner.info().vocab < 1 || runner.info().max_context < 2) return bad("the model has no vocabulary or no context");
  return options;
}

bool in_vocab(TokenId token, std::int32_t vocab) {
  return token >= 0 && token < vocab;
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::create(EngineOptions options, ModelRunner& runner, KvPoolView pool) {
  auto checked = check_options(options, runner, pool);
  if (!checked) return std::unexpected(checked.error());
  runner.attach(pool);
  return std::make_unique<BatchingEngine>(*checked, runner);
}

BatchingEngine::BatchingEngine(EngineOptions options, ModelRunner& runner)
    : options_(options),
      runner_(runner),
      model_(runner.info()),
      batch_limit_(std::min(options.max_batch, options.chunk_tokens)),
      pool_(options.blocks, options.block_tokens),
      sampler_(model_.vocab, model_.eos_tokens),
      on_layer_([this](std::int32_t layer) { layer_done(layer); }),
      allowed_((static_cast<std::size_t>(model_.vocab) + 63) / 64) {}

Result<void> BatchingEngine::check(const GenerationSpec& spec) const {
  const auto size = static_cast<std::int64_t>(spec.tokens.size());
  const auto bad = [](std::string message, std::string param) {
    return fail(Errc::invalid_request, std::move(message), std::move(param));
  };
  if (size == 0 || spec.generated < 0 || spec.generated >= size) return bad("The prompt is empty.", "prompt");
  if (size >= model_.max_context) {
    return fail(Errc::context_length_exceeded, "This model's maximum context length is " +
                                                   std::to_string(model_.max_context) +
                                                   " tokens. However, your prompt has " + std::to_string(size) +
                                                   " tokens. Please reduce the length of the prompt.");
  }
  if (!std::ranges::all_of(spec.tokens, [&](TokenId t) { return in_vocab(t, model_.vocab); })) {
    return bad("The prompt has a token id outside the model's vocabulary.", "prompt");
  }
  if (spec.sampling.max_tokens <= spec.generated) return bad("max_tokens leaves nothing to generate.", "max_tokens");
  for (const auto& [token, bias] : spec.sampling.logit_bias) {
    if (!in_vocab(token, model_.vocab)) {
      return bad("logit_bias names token " + std::to_string(token) + ", which is outside the model's vocabulary.",
                 "logit_bias");
    }
  }
  const auto outside = [&](TokenId token) { return !in_vocab(token, model_.vocab); };
  if (std::ranges::any_of(spec.sampling.allowed_token_ids, outside)) {
    return bad("allowed_token_ids names a token outside the model's vocabulary.", "allowed_token_ids");
  }
  for (const auto& word : spec.sampling.bad_words) {
    if (std::ranges::any_of(word, outside)) return bad("bad_words names a token outside the model's vocabulary.", "bad_words");
  }
  if (!fits_pool(static_cast<std::int32_t>(size))) {
    return std::unexpected(never_fits(static_cast<std::int32_t>(size)));
  }
  return {};
}

Error BatchingEngine::never_fits(std::int32_t tokens) const {
  return {.code = Errc::out_of_blocks,
          .message = std::to_string(tokens) + " tokens need " + std::to_string(blocks_for(tokens)) +
                     " KV blocks; this worker has " + std::to_string(pool_.total())};
}

std::int32_t BatchingEngine::blocks_for(std::int32_t tokens) const {
  return (tokens + options_.block_tokens - 1) / options_.block_tokens;
}

Result<SequenceId> BatchingEngine::generate(GenerationSpec spec, Objective objective) {
  return enqueue(std::move(spec), SequenceKind::generate, objective);
}

Result<SequenceId> BatchingEngine::prefill(GenerationSpec spec) {
  return enqueue(std::move(spec), SequenceKind::prefill, {});
}

Result<SequenceId> BatchingEngine::enqueue(GenerationSpec spec, SequenceKind kind, Objective objective) {
  if (auto good = check(spec); !good) return std::unexpected(good.error());
  auto matcher = match_output(spec);
  if (!matcher) return std::unexpected(matcher.error());
  if (std::ssize(waiting_) >= options_.max_waiting) {
    return fail(Errc::queue_full, std::to_string(waiting_.size()) + " sequences are waiting on this worker already");
  }
  Sequence& sequence = add(std::move(spec), kind, objective);
  sequence.matcher = std::move(*matcher);
  waiting_.push_back(&sequence);
  return sequence.id;
}

/// The place in the constraint after the tokens an earlier attempt generated; nothing without a constraint.
Result<std::optional<grammar::Matcher>> BatchingEngine::match_output(const GenerationSpec& spec) const {
  const Constraint& constraint = spec.sampling.constraint;
  if (constraint.kind == Constraint::Kind::none) return std::nullopt;
  if (options_.grammars == nullptr) {
    return fail(Errc::unsupported_parameter, "This worker has no tokenizer to constrain its output with.", "response_format");
  }
  auto matcher = options_.grammars->matcher(constraint);
  if (!matcher) return std::unexpected(matcher.error());
  for (const TokenId token : std::span(spec.tokens).last(static_cast<std::size_t>(spec.generated))) {
    if (!matcher->accept(token)) {
      return fail(Errc::invalid_request, "The output so far does not satisfy the constraint.", "response_format");
    }
  }
  return std::optional(std::move(*matcher));
}

Sequence& BatchingEngine::add(GenerationSpec spec, SequenceKind kind, Objective objective) {
  changed();
  constexpr std::int32_t kRoomAhead = 4096;  // output tokens without reallocation
  auto sequence = std::make_unique<Sequence>();
  sequence->id = {++last_id_};
  sequence->kind = kind;
  sequence->objective = objective;
  sequence->prompt_tokens = spec.prompt_tokens();
  sequence->given_tokens = static_cast<std::int32_t>(spec.tokens.size());
  sequence->tokens = std::move(spec.tokens);
  sequence->tokens.reserve(sequence->tokens.size() +
                           static_cast<std::size_t>(std::min(spec.sampling.max_tokens, kRoomAhead)));
  sequence->work = sequence->given_tokens;
  sequence->sampling = std::move(spec.sampling);
  sequence->arrival = static_cast<std::int64_t>(prefill_tokens_);
  Sequence& added = *sequence;
  sequences_.emplace(added.id, std::move(sequence));
  return added;
}

/// Every change from outside comes through here: what could not be done before may be possible now.
void BatchingEngine::changed() {
  BATON_CHECK(!stepping_);  // the layer hook may look but not change
  stalled_ = false;
}

Sequence* BatchingEngine::find(SequenceId id) {
  const auto it = sequences_.find(id);
  return it == sequences_.end() ? nullptr : it->second.get();
}

std::span<const BlockId> BatchingEngine::blocks(SequenceId id) const {
  const auto it = sequences_.find(id);
  return it == sequences_.end() ? std::span<const BlockId>() : it->second->lease.blocks();
}

Result<Reservation> BatchingEngine::reserve(GenerationSpec spec, Objective objective) {
  if (auto good = check(spec); !good) return std::unexpected(good.error());
  auto matcher = match_output(spec);
  if (!matcher) return std::unexpected(matcher.error());
  if (reserved_ + std::ssize(ready_) >= options_.max_waiting) {
    return fail(Errc::queue_full, std::to_string(reserved_) + " reservations are open on this worker already");
  }
  const auto size = static_cast<std::int32_t>(spec.tokens.size());
  // At least the last block is always granted: a hand-over moves something.
  kv::BlockLease lease;
  if (options_.prefix_cache) lease = pool_.match(std::span(spec.tokens).first(spec.tokens.size() - 1));
  const std::int32_t shared = lease.size();
  const std::int32_t need = blocks_for(size) - shared;
  // What the next in the queue needs is spoken for: a stream of reservations must not starve a preempted sequence.
  const std::int32_t spare = pool_.available() - owed_blocks();
  auto granted = need <= spare ? pool_.grant(need) : std::nullopt;
  if (!granted) {
    return fail(Errc::out_of_blocks, std::to_string(size) + " tokens need " + std::to_string(need) + " KV blocks; " +
                                         std::to_string(std::max(0, spare)) + " are to be had now");
  }
  lease.append(std::move(*granted));
  Sequence& sequence = add(std::move(spec), SequenceKind::adopted, objective);
  sequence.matcher = std::move(*matcher);
  sequence.phase = SequencePhase::reserved;
  sequence.prefilled = true;
  sequence.computed = sequence.cached_tokens = shared * options_.block_tokens;
  sequence.lease = std::move(lease);
  sequence.lease.reserve(most_blocks(sequence));
  prefix_hit_tokens_ += static_cast<std::uint64_t>(sequence.cached_tokens);
  ++reserved_;
  const auto blocks = sequence.lease.blocks().subspan(static_cast<std::size_t>(shared));
  return Reservation{
      .sequence = sequence.id, .blocks = {blocks.begin(), blocks.end()}, .first_token = sequence.computed};
}

/// Blocks the most urgent waiting sequence will take.
std::int32_t BatchingEngine::owed_blocks() const {
  const auto rank = [this](const Sequence* s) { return s->rank(static_cast<std::int64_t>(prefill_tokens_)); };
  const auto next = std::ranges::min_element(waiting_, {}, rank);
  return next == waiting_.end() ? 0 : blocks_for((*next)->size());
}

void BatchingEngine::commit(SequenceId id, const TokenOut& first) {
  Sequence* sequence = find(id);
  if (sequence == nullptr || sequence->phase != SequencePhase::reserved) return;  // dropped meanwhile
  changed();
  --reserved_;
  sequence->lease.committed();
  const bool known = in_vocab(first.token, model_.vocab);
  if (!known || (sequence->matcher && !sequence->matcher->accept(first.token))) {
    late_failures_.push_back({.sequence = id,
                              .error = {.code = Errc::transfer_failed,
                                        .message = "the first token " + std::to_string(first.token) + " is outside the " +
                                                   (known ? "constraint" : "model's vocabulary")}});
    sequences_.erase(id);
    return;
  }
  sequence->computed = sequence->size();
  publish(*sequence);
  sequence->tokens.push_back(first.token);
  if (first.finish != FinishReason::none) {
    sequences_.erase(id);
    return;
  }
  sequence->phase = SequencePhase::ready;
  ready_.push_back(sequence);
}

void BatchingEngine::drop(SequenceId id) {
  Sequence* sequence = find(id);
  if (sequence == nullptr || sequence->phase == SequencePhase::draining) return;
  if (sequence->phase != SequencePhase::reserved) return release(id);  // committed: nobody writes any more
  changed();
  --reserved_;
  sequence->phase = SequencePhase::draining;
  sequence->lease.drain();
  if (sequence->writer_done) sequences_.erase(id);
}

void BatchingEngine::drained(SequenceId id) {
  Sequence* sequence = find(id);
  if (sequence == nullptr) return;
  if (sequence->phase == SequencePhase::draining) {
    changed();
    sequences_.erase(id);
  } else {
    sequence->writer_done = true;
  }
}

void BatchingEngine::release(SequenceId id) {
  Sequence* sequence = find(id);
  if (sequence == nullptr || sequence->phase == SequencePhase::draining) return;
  BATON_CHECK(sequence->phase != SequencePhase::reserved);
  changed();
  forget(*sequence);
}

void BatchingEngine::forget(Sequence& sequence) {
  leave_queue(sequence);
  sequences_.erase(sequence.id);
}

/// Takes a sequence off the list its phase names, if there is one.
void BatchingEngine::leave_queue(Sequence& sequence) {
  switch (sequence.phase) {
    case SequencePhase::waiting:
      std::erase(waiting_, &sequence);
      break;
    case SequencePhase::ready:
      std::erase(ready_, &sequence);
      break;
    case SequencePhase::running:
      std::erase(running_, &sequence);
      break;
    case SequencePhase::held:
    case SequencePhase::reserved:
    case SequencePhase::draining:
      break;
  }
}

bool BatchingEngine::has_work() const {
  return !running_.empty() || !ready_.empty() || !late_failures_.empty() || (!waiting_.empty() && !stalled_);
}

EngineLoad BatchingEngine::load() const {
  const kv::BlockCounts& counts = pool_.counts();
  EngineLoad load{.total_blocks = pool_.total(),
                  .free_blocks = counts.free,
                  .cached_blocks = counts.cached,
                  .running = static_cast<std::int32_t>(running_.size() + ready_.size()),
                  .waiting = static_cast<std::int32_t>(waiting_.size()),
                  .reserved = reserved_,
                  .draining_blocks = counts.draining,
                  .steps = steps_,
                  .prefill_tokens = prefill_tokens_,
                  .decode_tokens = decode_tokens_,
                  .prefix_hit_tokens = prefix_hit_tokens_,
                  .preemptions = preemptions_};
  for (const Sequence* sequence : waiting_) load.waiting_prefill_tokens += sequence->remaining();
  for (const Sequence* sequence : running_) {
    if (sequence->remaining() > 1) load.waiting_prefill_tokens += sequence->remaining();
  }
  return load;
}

}  // namespace baton::engine
