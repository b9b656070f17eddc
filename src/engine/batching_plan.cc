#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/check.h"
#include "engine/batching_engine.h"

namespace baton::engine {

/// Fills rows_ and planned_: one row for everyone who has just one token to compute, the rest of the step's rows for
/// prompts.
void BatchingEngine::plan() {
  planned_.clear();
  rows_.clear();
  promote_ready();
  plan_decodes();
  plan_prefills();
}

void BatchingEngine::promote_ready() {
  const std::size_t room = static_cast<std::size_t>(batch_limit_) - running_.size();
  const std::size_t count = std::min(room, ready_.size());
  for (std::size_t i = 0; i < count; ++i) enter_batch(*ready_[i]);
  ready_.erase(ready_.begin(), ready_.begin() + static_cast<std::ptrdiff_t>(count));
}

void BatchingEngine::enter_batch(Sequence& sequence) {
  sequence.phase = SequencePhase::running;
  const auto place = std::ranges::upper_bound(running_, sequence.id, {}, [](const Sequence* s) { return s->id; });
  running_.insert(place, &sequence);
}

void BatchingEngine::plan_decodes() {
  // In order of arrival: whoever is preempted for a block comes later and has no rows yet.
  for (std::size_t i = 0; i < running_.size();) {
    Sequence& sequence = *running_[i];
    if (sequence.remaining() != 1) {
      ++i;
    } else if (grow(sequence)) {
      plan_rows(sequence, 1);
      ++decode_tokens_;
      ++i;
    }
    // Otherwise it left running_, and the next one is at i.
  }
}

/// Makes sure a block for the next token is there. False: the sequence had to leave the batch.
bool BatchingEngine::grow(Sequence& sequence) {
  const std::int32_t need = blocks_for(sequence.size()) - sequence.lease.size();
  if (need <= 0) return true;
  if (!fits_pool(sequence.size())) {
    fail_sequence(sequence, never_fits(sequence.size()));
    return false;
  }
  for (;;) {
    if (pool_.extend(sequence.lease, need)) return true;
    Sequence& victim = latest_arrived();
    preempt(victim);
    if (&victim == &sequence) return false;
  }
}

/// Of those that may be preempted. A prefill-only sequence may not: its blocks are being pushed to another worker.
Sequence& BatchingEngine::latest_arrived() {
  Sequence* latest = nullptr;
  for (const std::vector<Sequence*>* queue : {&running_, &ready_}) {
    for (Sequence* sequence : *queue) {
      if (sequence->kind != SequenceKind::prefill && (latest == nullptr || latest->id < sequence->id))
        latest = sequence;
    }
  }
  BATON_CHECK(latest != nullptr);
  return *latest;
}

void BatchingEngine::preempt(Sequence& sequence) {
  leave_queue(sequence);
  sequence.lease.release();
  sequence.published = {};
  sequence.computed = 0;
  sequence.phase = SequencePhase::waiting;
  waiting_.push_back(&sequence);
  ++preemptions_;
}

/// Rows for prompts: what the decoding sequences, who are planned by now, leave of the chunk; fewer if one of them has
/// an objective that the step would break, in whole blocks and at least one, so that every prompt gets on.
std::int32_t BatchingEngine::prefill_budget() const {
  const std::int32_t room = options_.chunk_tokens - static_cast<std::int32_t>(rows_.size());
  double bound_s = std::numeric_limits<double>::infinity();
  for (const Sequence* sequence : planned_) {
    if (sequence->objective.itl_s > 0) bound_s = std::min(bound_s, sequence->objective.itl_s);
  }
  if (std::isinf(bound_s)) return room;
  const std::int32_t block = options_.block_tokens;
  return std::min(room, std::max(block, pacer_.rows_within(bound_s) / block * block));
}

void BatchingEngine::plan_prefills() {
  const auto later = [done = static_cast<std::int64_t>(prefill_tokens_)](const Sequence* a, const Sequence* b) {
    return a->rank(done) > b->rank(done);
  };
  candidates_.assign(waiting_.begin(), waiting_.end());
  for (Sequence* sequence : running_) {
    if (sequence->rows == 0) candidates_.push_back(sequence);
  }
  std::ranges::make_heap(candidates_, later);
  std::int32_t budget = prefill_budget();
  bool admitting = true;
  while (budget > 0 && !candidates_.empty()) {
    std::ranges::pop_heap(candidates_, later);
    Sequence& sequence = *candidates_.back();
    candidates_.pop_back();
    if (sequence.phase == SequencePhase::waiting) {
      if (!fits_pool(sequence.size())) {  // it grew, on blocks shared with others, before it was preempted
        fail_sequence(sequence, never_fits(sequence.size()));
        continue;
      }
      // In strict order: nobody slips past a sequence that waits for blocks, or it might wait for ever.
      admitting = admitting && admit(sequence);
      if (!admitting) continue;
    }
    const std::int32_t rows = std::min({budget, sequence.remaining(), most_rows(sequence)});
    prefill_tokens_ += static_cast<std::uint64_t>(rows);
    budget -= rows;
    plan_rows(sequence, rows);
  }
}

/// Gives a waiting sequence its blocks and a place in the batch, if there are.
bool BatchingEngine::admit(Sequence& sequence) {
  if (std::ssize(running_) >= batch_limit_) return false;
  kv::BlockLease lease;
  // The last token is always computed: its logits are needed.
  if (options_.prefix_cache && !sequence.owes_prompt_logprobs()) {
    lease = pool_.match(std::span(sequence.tokens).first(sequence.tokens.size() - 1));
  }
  const std::int32_t need = blocks_for(sequence.size()) - lease.size();
  // One block for each running sequence that grows: else the newcomer would soon be preempted again.
  const auto growing = static_cast<std::int32_t>(
      std::ranges::count_if(running_, [](const Sequence* s) { return s->kind != SequenceKind::prefill; }));
  if (pool_.available() < need + growing) return false;
  const std::int32_t cached = lease.size() * options_.block_tokens;
  lease.reserve(most_blocks(sequence));
  pool_.extend(lease, need);
  sequence.lease = std::move(lease);
  sequence.computed = cached;
  prefix_hit_tokens_ += static_cast<std::uint64_t>(cached);
  if (sequence.cached_tokens < 0) sequence.cached_tokens = cached;
  sequence.work = std::max(1, sequence.remaining());
  leave_queue(sequence);
  enter_batch(sequence);
  return true;
}

/// Blocks the sequence may come to hold.
std::int32_t BatchingEngine::most_blocks(const Sequence& sequence) const {
  const std::int64_t end = std::int64_t{sequence.prompt_tokens} + sequence.sampling.max_tokens;
  return blocks_for(static_cast<std::int32_t>(std::min<std::int64_t>(end, model_.max_context)));
}

/// Rows of one step: those that give prompt logprobs are fewer, because the logits of each take room.
std::int32_t BatchingEngine::most_rows(const Sequence& sequence) const {
  constexpr std::int32_t kMostLogits = std::int32_t{1} << 24;  // floats: 64 MiB
  if (!sequence.owes_prompt_logprobs()) return options_.chunk_tokens;
  return std::max(1, kMostLogits / model_.vocab);
}

/// The logits after a prompt token give the logprob of the next one.
std::int32_t BatchingEngine::wanted_logits(const Sequence& sequence, std::int32_t rows) const {
  if (sequence.owes_prompt_logprobs()) return rows;
  return rows == sequence.remaining() ? 1 : 0;
}

void BatchingEngine::plan_rows(Sequence& sequence, std::int32_t rows) {
  sequence.rows = rows;
  planned_.push_back(&sequence);
  rows_.push_back({.tokens = std::span<const TokenId>(sequence.tokens)
                                 .subspan(static_cast<std::size_t>(sequence.computed), static_cast<std::size_t>(rows)),
                   .start = sequence.computed,
                   .blocks = sequence.lease.blocks(),
                   .want_logits = wanted_logits(sequence, rows)});
}

}  // namespace baton::engine
