#include "sim/fluid_worker.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "perf/cost_model.h"

namespace baton::sim {

namespace {

constexpr double kDone = 1e-6;           // tokens that count as none
constexpr double kStepsAlike = 64;       // contexts grow: step times are worked out anew after so many

}  // namespace

std::unique_ptr<Worker> make_fluid_worker(std::uint32_t index, const WorkerSpec& spec, WorkerPort& port) {
  return std::make_unique<FluidWorker>(index, spec, port);
}

FluidWorker::FluidWorker(std::uint32_t index, const WorkerSpec& spec, WorkerPort& port)
    : index_(index),
      port_(port),
      truth_(spec.truth),
      kv_token_bytes_(spec.truth.kv_bytes_per_token()),
      block_tokens_(spec.info.block_tokens),
      total_blocks_(spec.info.total_blocks),
      chunk_(spec.chunk_tokens),
      max_batch_(std::min(spec.info.max_batch, spec.chunk_tokens)),
      max_context_(spec.info.max_context) {}

// ---- commands ---------------------------------------------------------------------------------------------------

void FluidWorker::submit(const Submit& submit) {
  advance();
  const auto size = static_cast<std::int32_t>(submit.spec->tokens.size());
  const std::int32_t need = blocks_for(size) + 1;
  if (need > total_blocks_ || size >= max_context_) {
    return port_.send_failed(index_, submit.attempt, {Errc::context_length_exceeded, "the prompt does not fit"});
  }
  const bool reserving = submit.part == Part::decode;
  if (reserving && need > free_blocks()) {
    return port_.send_failed(index_, submit.attempt, {Errc::out_of_blocks, "no KV blocks to be had now"});
  }
  Sequence& sequence = sequences_[submit.attempt];
  sequence.attempt = submit.attempt;
  sequence.part = submit.part;
  sequence.spec = submit.spec;
  sequence.given = size;
  sequence.end = std::min({port_.output_tokens(*submit.spec), submit.spec->sampling.max_tokens,
                           submit.spec->generated + max_context_ - size});
  if (reserving) {
    sequence.phase = Phase::reserved;
    sequence.blocks = need;
    blocks_ += need;
    port_.send_ticket(index_, submit.attempt, {.worker = index_, .first_token = 0});
    return;
  }
  sequence.left = size;
  sequence.urgency = static_cast<std::int64_t>(stats_.prefill_tokens) + 4 * std::int64_t{size};
  waiting_.emplace(sequence.urgency, sequence.attempt.value);
  waiting_tokens_ += size;
  settle();
}

void FluidWorker::grant(AttemptId attempt, const Ticket& ticket) {
  const auto found = sequences_.find(attempt);
  if (found == sequences_.end() || found->second.part != Part::prefill) return;
  advance();
  found->second.ticket = ticket;
  push_begun(found->second);
  finish_push(found->second);
}

void FluidWorker::cancel(AttemptId attempt) {
  const auto found = sequences_.find(attempt);
  if (found == sequences_.end()) return;
  advance();
  if (found->second.pushing) port_.abort_push(index_, attempt);
  erase(found->second);
  settle();
}

bool FluidWorker::committed(AttemptId attempt, TokenId /*first*/) {
  const auto found = sequences_.find(attempt);
  if (found == sequences_.end() || found->second.phase != Phase::reserved) return false;
  advance();
  found->second.phase = Phase::ready;
  ready_.push_back(attempt.value);
  settle();
  return true;
}

void FluidWorker::delivered(AttemptId attempt, double bytes, Nanos elapsed, const Error* error) {
  const auto found = sequences_.find(attempt);
  if (found == sequences_.end()) return;
  advance();
  if (error != nullptr) {
    port_.send_failed(index_, attempt, *error);
  } else {
    port_.send_handed(index_, attempt, bytes, elapsed);
  }
  erase(found->second);
  settle();
}

void FluidWorker::wake(std::uint64_t data) {
  if (data != schedule_) return;
  advance();
  settle();
}

void FluidWorker::erase(Sequence& sequence) {
  switch (sequence.phase) {
    case Phase::waiting:
      waiting_.erase({sequence.urgency, sequence.attempt.value});
      waiting_tokens_ -= sequence.given;
      break;
    case Phase::prefilling: prefilling_ = nullptr; break;
    case Phase::ready: std::erase(ready_, sequence.attempt.value); break;
    case Phase::decoding:
      decoding_.erase({sequence.finish, sequence.attempt.value});
      context_ -= sequence.given - sequence.joined;
      joined_ -= sequence.joined;
      break;
    case Phase::held:
    case Phase::reserved: break;
  }
  blocks_ -= sequence.blocks;
  sequences_.erase(sequence.attempt);
}

// ---- time -------------------------------------------------------------------------------------------------------

/// Brings everything up to now at the speed of late.
void FluidWorker::advance() {
  const Nanos now = port_.now();
  const Nanos passed = now - since_;
  since_ = now;
  if (step_s_ <= 0 || passed <= 0) return;
  const double steps = seconds(passed) / step_s_;
  produced_ += steps;
  stats_.busy += passed;
  stats_.prefill += static_cast<Nanos>(static_cast<double>(passed) * prefill_share_);
  stats_.decode_tokens += static_cast<std::uint64_t>(steps * static_cast<double>(decoding_.size()));
  stats_.steps += static_cast<std::uint64_t>(std::ceil(steps));
  if (prefilling_ != nullptr) prefilling_->left -= std::min(prefilling_->left, steps * rows_);
}

/// Does what is due and works out when something will be next.
void FluidWorker::settle() {
  if (prefilling_ != nullptr && prefilling_->left <= kDone) prefill_done(*prefilling_);
  while (!decoding_.empty() && decoding_.begin()->first <= produced_ + kDone) {
    finish(sequences_.at(AttemptId{decoding_.begin()->second}));
  }
  while (!ready_.empty() && std::ssize(decoding_) < max_batch_) {
    Sequence& sequence = sequences_.at(AttemptId{ready_.front()});
    ready_.erase(ready_.begin());
    join(sequence);
  }
  if (prefilling_ == nullptr) start_prefill();
  reschedule();
}

void FluidWorker::start_prefill() {
  if (waiting_.empty() || std::ssize(decoding_) >= max_batch_) return;
  Sequence& sequence = sequences_.at(AttemptId{waiting_.begin()->second});
  const std::int32_t need = blocks_for(sequence.given) + 1;
  if (need > free_blocks() && !decoding_.empty()) return;
  waiting_.erase(waiting_.begin());
  waiting_tokens_ -= sequence.given;
  sequence.blocks = need;
  blocks_ += need;
  stats_.peak_blocks = std::max(stats_.peak_blocks, used_blocks());
  stats_.prefill_tokens += static_cast<std::uint64_t>(sequence.given);
  sequence.phase = Phase::prefilling;
  prefilling_ = &sequence;
  push_begun(sequence);
}

perf::StepRows FluidWorker::rows() const {
  perf::StepRows rows;
  rows.batch = static_cast<double>(decoding_.size());
  if (rows.batch > 0) rows.decode_context = (context_ + produced_ * rows.batch) / rows.batch;
  if (prefilling_ != nullptr) {
    // What a prompt leaves of a step the next one takes.
    const double queued = prefilling_->left + static_cast<double>(waiting_tokens_);
    rows.prefill_tokens = std::min(std::max(1.0, chunk_ - rows.batch), std::max(1.0, queued));
    rows.prefill_context = std::max(0.0, (prefilling_->given - rows.prefill_tokens) / 2);
  }
  return rows;
}

void FluidWorker::reschedule() {
  ++schedule_;
  const perf::StepRows all = rows();
  rows_ = all.prefill_tokens;
  step_s_ = 0;
  if (rows_ <= 0 && all.batch <= 0) return;
  step_s_ = std::max(1e-9, perf::step_s(truth_, all) * port_.slowness(index_));
  const double decode_s = all.batch > 0 ? perf::decode_step_s(truth_, all.batch, all.decode_context) : 0;
  prefill_share_ = rows_ > 0 ? std::clamp(1 - decode_s / step_s_, 0.0, 1.0) : 0;
  double steps = kStepsAlike;
  if (prefilling_ != nullptr) steps = std::min(steps, prefilling_->left / rows_);
  if (!decoding_.empty()) steps = std::min(steps, decoding_.begin()->first - produced_);
  const Nanos wait = std::max<Nanos>(1, static_cast<Nanos>(std::ceil(std::max(0.0, steps) * step_s_ * 1e9)));
  port_.wake_at(index_, port_.now() + wait, schedule_);
}

// ---- life of a sequence -----------------------------------------------------------------------------------------

TokenOut FluidWorker::token(const Sequence& sequence, std::int32_t index) const {
  TokenOut out;
  out.attempt = sequence.attempt;
  out.index = index;
  out.token = 1;
  if (index + 1 >= sequence.end) out.finish = FinishReason::stop;
  return out;
}

void FluidWorker::prefill_done(Sequence& sequence) {
  prefilling_ = nullptr;
  sequence.left = 0;
  port_.send_prefilled(index_, sequence.attempt, 0);
  const TokenOut first = token(sequence, sequence.first_index());
  const bool last = first.finish != FinishReason::none;
  port_.send_tokens(index_, {first});
  sequence.phase = Phase::held;
  if (last) {
    if (sequence.pushing) port_.abort_push(index_, sequence.attempt);
    return erase(sequence);
  }
  if (sequence.part == Part::prefill) return finish_push(sequence);
  sequence.phase = Phase::ready;
  ready_.push_back(sequence.attempt.value);
}

void FluidWorker::join(Sequence& sequence) {
  sequence.phase = Phase::decoding;
  sequence.joined = produced_;
  sequence.finish = produced_ + std::max(0, sequence.end - sequence.first_index() - 1);
  context_ += sequence.given - sequence.joined;
  joined_ += sequence.joined;
  decoding_.emplace(sequence.finish, sequence.attempt.value);
}

void FluidWorker::finish(Sequence& sequence) {
  std::vector<TokenOut> rest;
  for (std::int32_t i = sequence.first_index() + 1; i < sequence.end; ++i) rest.push_back(token(sequence, i));
  if (!rest.empty()) port_.send_tokens(index_, rest);
  erase(sequence);
}

/// All but the last layer's share moves while the prompt is computed.
void FluidWorker::push_begun(Sequence& sequence) {
  const bool started = sequence.phase == Phase::prefilling || sequence.phase == Phase::held;
  if (!sequence.ticket || sequence.pushing || !started || sequence.part != Part::prefill) return;
  const double layers = std::max(1, truth_.shape.layers);
  sequence.pushing = true;
  port_.begin_push(index_, sequence.attempt, sequence.ticket->worker);
  port_.push(index_, sequence.attempt, sequence.given * kv_token_bytes_ * (layers - 1) / layers);
}

void FluidWorker::finish_push(Sequence& sequence) {
  if (sequence.phase != Phase::held || !sequence.ticket || sequence.finishing) return;
  push_begun(sequence);
  sequence.finishing = true;
  port_.push(index_, sequence.attempt, sequence.given * kv_token_bytes_ / std::max(1, truth_.shape.layers));
  port_.finish_push(index_, sequence.attempt, 1);
}

/// Tokens that decoding sequences have made beyond their prompts.
double FluidWorker::growth() const { return produced_ * static_cast<double>(decoding_.size()) - joined_; }

std::int32_t FluidWorker::used_blocks() const {
  return blocks_ + static_cast<std::int32_t>(std::max(0.0, growth()) / block_tokens_);
}

std::vector<perf::StepSample> FluidWorker::take_samples(std::size_t most) {
  if (most == 0 || step_s_ <= 0) return {};
  return {{.rows = rows(), .seconds = step_s_}};
}

cluster::WorkerLoad FluidWorker::load() const {
  cluster::WorkerLoad load;
  load.free_blocks = std::max(0, free_blocks());
  load.running = static_cast<std::int32_t>(decoding_.size() + ready_.size()) + (prefilling_ != nullptr ? 1 : 0);
  load.waiting = static_cast<std::int32_t>(waiting_.size());
  load.waiting_prefill_tokens = waiting_tokens_;
  if (prefilling_ != nullptr) load.waiting_prefill_tokens += static_cast<std::int64_t>(prefilling_->left);
  return load;
}

}  // namespace baton::sim
