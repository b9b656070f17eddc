#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/check.h"
#include "perf/cost_model.h"
#include "sim/batch_worker.h"

namespace baton::sim {

namespace {
constexpr std::size_t kKeptSamples = 64;
}

/// Plans and starts a step, if there is anything to do.
void BatchWorker::step() {
  if (stepping_) return;
  planned_.clear();
  const std::size_t room = static_cast<std::size_t>(max_batch_) - std::min(running_.size(), static_cast<std::size_t>(max_batch_));
  const auto joining = static_cast<std::ptrdiff_t>(std::min(room, ready_.size()));
  for (std::ptrdiff_t i = 0; i < joining; ++i) enter_batch(*ready_[static_cast<std::size_t>(i)]);
  ready_.erase(ready_.begin(), ready_.begin() + joining);
  plan_decodes();
  plan_prefills();
  if (planned_.empty()) return;
  stepping_ = true;
  ++stats_.steps;
  stats_.peak_blocks = std::max(stats_.peak_blocks, used_blocks());
  const perf::StepRows all = rows();
  const double whole_s = perf::step_s(truth_, all);
  const Nanos duration = std::max<Nanos>(1, nanos(whole_s * port_.slowness(index_)));
  stats_.busy += duration;
  if (all.prefill_tokens > 0) {
    const double decode_s = all.batch > 0 ? perf::decode_step_s(truth_, all.batch, all.decode_context) : 0;
    stats_.prefill += static_cast<Nanos>(static_cast<double>(duration) * std::max(0.0, 1 - decode_s / whole_s));
  }
  if (samples_.size() < kKeptSamples) samples_.push_back({.rows = all, .seconds = seconds(duration)});
  pacer_.observe(all, seconds(duration));
  start_pushes();
  port_.wake_at(index_, port_.now() + duration, 0);
}

void BatchWorker::enter_batch(Sequence& sequence) {
  sequence.phase = Phase::running;
  const auto place = std::ranges::upper_bound(running_, sequence.order, {}, [](const Sequence* s) { return s->order; });
  running_.insert(place, &sequence);
}

/// In order of arrival: whoever is preempted for a block comes later and has no rows yet.
void BatchWorker::plan_decodes() {
  for (std::size_t i = 0; i < running_.size();) {
    Sequence& sequence = *running_[i];
    if (sequence.remaining() != 1) {
      ++i;
    } else if (grow(sequence)) {
      plan_rows(sequence, 1);
      ++stats_.decode_tokens;
      ++i;
    }
  }
}

/// A block for the next token. False: the sequence had to leave the batch.
bool BatchWorker::grow(Sequence& sequence) {
  const std::int32_t need = blocks_for(sequence.size) - sequence.lease.size();
  if (need <= 0) return true;
  if (blocks_for(sequence.size) > pool_.total()) {
    port_.send_failed(index_, sequence.attempt, {Errc::out_of_blocks, "the sequence outgrew the pool"});
    erase(sequence);
    return false;
  }
  for (;;) {
    if (pool_.extend(sequence.lease, need)) return true;
    Sequence* victim = nullptr;
    for (const auto* queue : {&running_, &ready_}) {
      for (Sequence* s : *queue) {
        if (s->part != Part::prefill && (victim == nullptr || victim->order < s->order)) victim = s;
      }
    }
    BATON_CHECK(victim != nullptr);
    preempt(*victim);
    if (victim == &sequence) return false;
  }
}

void BatchWorker::preempt(Sequence& sequence) {
  leave_queue(sequence);
  sequence.lease.release();
  sequence.published = {};
  sequence.computed = 0;
  sequence.phase = Phase::waiting;
  waiting_.push_back(&sequence);
  ++stats_.preemptions;
}

std::int32_t BatchWorker::prefill_budget() const {
  const std::int32_t room = chunk_ - static_cast<std::int32_t>(planned_.size());
  double bound_s = std::numeric_limits<double>::infinity();
  for (const Sequence* s : planned_) {
    if (s->itl_slo_s > 0) bound_s = std::min(bound_s, s->itl_slo_s);
  }
  if (std::isinf(bound_s)) return room;
  return std::min(room, std::max(block_tokens_, pacer_.rows_within(bound_s) / block_tokens_ * block_tokens_));
}

void BatchWorker::plan_prefills() {
  const auto later = [done = static_cast<std::int64_t>(stats_.prefill_tokens)](const Sequence* a, const Sequence* b) {
    return a->rank(done) > b->rank(done);
  };
  candidates_.assign(waiting_.begin(), waiting_.end());
  for (Sequence* s : running_) {
    if (s->rows == 0) candidates_.push_back(s);
  }
  std::size_t admitted_left = candidates_.size() - waiting_.size();
  std::ranges::make_heap(candidates_, later);
  std::int32_t budget = prefill_budget();
  bool admitting = true;
  while (budget > 0 && !candidates_.empty() && (admitting || admitted_left > 0)) {
    std::ranges::pop_heap(candidates_, later);
    Sequence& sequence = *candidates_.back();
    candidates_.pop_back();
    if (sequence.phase == Phase::waiting) {
      if (blocks_for(sequence.size) > pool_.total()) {
        port_.send_failed(index_, sequence.attempt, {Errc::out_of_blocks, "the sequence outgrew the pool"});
        erase(sequence);
        continue;
      }
      // In strict order: nobody slips past a sequence that waits for blocks.
      admitting = admitting && admit(sequence);
      if (!admitting) continue;
    } else {
      --admitted_left;
    }
    const std::int32_t count = std::min(budget, sequence.remaining());
    stats_.prefill_tokens += static_cast<std::uint64_t>(count);
    budget -= count;
    plan_rows(sequence, count);
  }
}

bool BatchWorker::admit(Sequence& sequence) {
  if (std::ssize(running_) >= max_batch_) return false;
  const std::span<const TokenId> known(sequence.spec->tokens);
  kv::BlockLease lease = pool_.match(known.first(std::min<std::size_t>(known.size(), static_cast<std::size_t>(sequence.size - 1))));
  const std::int32_t need = blocks_for(sequence.size) - lease.size();
  const auto growing = static_cast<std::int32_t>(
      std::ranges::count_if(running_, [](const Sequence* s) { return s->part != Part::prefill; }));
  if (pool_.available() < need + growing) return false;
  const std::int32_t cached = lease.size() * block_tokens_;
  pool_.extend(lease, need);
  sequence.lease = std::move(lease);
  sequence.computed = cached;
  stats_.cached_tokens += static_cast<std::uint64_t>(cached);
  if (sequence.cached < 0) sequence.cached = cached;
  if (sequence.ticket && cached > sequence.pushed) {
    port_.push(index_, sequence.attempt, (cached - sequence.pushed) * kv_token_bytes_);
    sequence.pushed = cached;
  }
  sequence.work = std::max(1, sequence.remaining());
  leave_queue(sequence);
  enter_batch(sequence);
  return true;
}

void BatchWorker::plan_rows(Sequence& sequence, std::int32_t count) {
  sequence.rows = count;
  planned_.push_back(&sequence);
}

/// A sequence that computes one row decodes, whatever it is; the others prefill.
perf::StepRows BatchWorker::rows() const {
  perf::StepRows rows;
  double work = 0, context = 0;
  for (const Sequence* s : planned_) {
    if (s->rows == 1) {
      rows.batch += 1;
      context += s->size;
    } else {
      rows.prefill_tokens += s->rows;
      work += static_cast<double>(s->rows) * (s->computed + 0.5 * s->rows);
    }
  }
  if (rows.batch > 0) rows.decode_context = context / rows.batch;
  // The attention work of n rows over p cached tokens is n p + n²/2: the mean context that gives the sum of all.
  if (rows.prefill_tokens > 0) {
    rows.prefill_context = std::max(0.0, work / rows.prefill_tokens - 0.5 * rows.prefill_tokens);
  }
  return rows;
}

/// Layers are pushed while later ones compute: all but the last layer's share moves during the step.
void BatchWorker::start_pushes() {
  const double layers = std::max(1, truth_.shape.layers);
  for (Sequence* s : planned_) {
    if (s->part != Part::prefill || !s->ticket) continue;
    const std::int32_t until = s->computed + s->rows;
    const std::int32_t fresh = until - std::max(s->pushed, s->computed);
    if (fresh > 0) port_.push(index_, s->attempt, fresh * kv_token_bytes_ * (layers - 1) / layers);
  }
}

void BatchWorker::wake(std::uint64_t /*data*/) {
  stepping_ = false;
  end_step();
  // step() may be entered by what a command sets off; whoever is first plans the step.
  for (auto inbox = std::exchange(inbox_, {}); Command & command : inbox) obey(command);
  step();
}

void BatchWorker::end_step() {
  frame_.clear();
  for (std::size_t i = 0; i < planned_.size(); ++i) advance(*planned_[i]);
  if (!frame_.empty()) port_.send_tokens(index_, frame_);
  planned_.clear();
}

void BatchWorker::advance(Sequence& sequence) {
  const std::int32_t before = sequence.computed;
  sequence.computed += std::exchange(sequence.rows, 0);
  if (sequence.part == Part::prefill && sequence.ticket && sequence.computed > sequence.pushed) {
    const std::int32_t fresh = sequence.computed - std::max(sequence.pushed, before);
    port_.push(index_, sequence.attempt, fresh * kv_token_bytes_ / std::max(1, truth_.shape.layers));
    sequence.pushed = sequence.computed;
  }
  const std::span<const TokenId> known(sequence.spec->tokens);
  const auto complete = std::min<std::size_t>(known.size(), static_cast<std::size_t>(sequence.computed));
  if (static_cast<std::int32_t>(complete) / block_tokens_ != sequence.published.blocks) {
    sequence.published = pool_.publish(sequence.published, known.first(complete), sequence.lease.blocks());
  }
  if (!sequence.prefilled && sequence.computed >= sequence.given) {
    sequence.prefilled = true;
    port_.send_prefilled(index_, sequence.attempt, std::max(0, sequence.cached));
  }
  if (sequence.remaining() == 0) sample(sequence);
}

void BatchWorker::sample(Sequence& sequence) {
  TokenOut token;
  token.attempt = sequence.attempt;
  token.index = sequence.spec->generated + sequence.size - sequence.given;
  token.token = 1;
  ++sequence.size;
  if (token.index + 1 >= sequence.output) {
    token.finish = FinishReason::stop;
  } else if (token.index + 1 >= sequence.spec->sampling.max_tokens || sequence.size >= max_context_) {
    token.finish = FinishReason::length;
  }
  const FinishReason finish = token.finish;
  frame_.push_back(std::move(token));
  if (finish != FinishReason::none) {
    if (sequence.ticket && sequence.part == Part::prefill) port_.abort_push(index_, sequence.attempt);
    return erase(sequence);
  }
  if (sequence.part != Part::prefill) return;
  leave_queue(sequence);
  sequence.phase = Phase::held;
  finish_push(sequence);
}

}  // namespace baton::sim
