#include "sim/batch_worker.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/check.h"
#include "perf/cost_model.h"

namespace baton::sim {

namespace {

constexpr std::size_t kMaxWaiting = 1024;  // EngineOptions::max_waiting

}  // namespace

std::string format_ticket(const Ticket& ticket) {
  return std::to_string(ticket.worker) + ' ' + std::to_string(ticket.first_token);
}

Ticket parse_ticket(const std::string& text) {
  Ticket ticket;
  const char* end = text.data() + text.size();
  const auto [space, error] = std::from_chars(text.data(), end, ticket.worker);
  BATON_CHECK(error == std::errc{} && space != end);
  std::from_chars(space + 1, end, ticket.first_token);
  return ticket;
}

std::unique_ptr<Worker> make_batch_worker(std::uint32_t index, const WorkerSpec& spec, WorkerPort& port) {
  return std::make_unique<BatchWorker>(index, spec, port);
}

BatchWorker::BatchWorker(std::uint32_t index, const WorkerSpec& spec, WorkerPort& port)
    : index_(index),
      port_(port),
      truth_(spec.truth),
      kv_token_bytes_(spec.truth.kv_bytes_per_token()),
      block_tokens_(spec.info.block_tokens),
      chunk_(spec.chunk_tokens),
      max_batch_(std::min(spec.info.max_batch, spec.chunk_tokens)),
      max_context_(spec.info.max_context),
      pool_(spec.info.total_blocks, spec.info.block_tokens) {}

// ---- commands ---------------------------------------------------------------------------------------------------

void BatchWorker::submit(const Submit& submit) {
  command({.kind = Command::Kind::submit, .attempt = submit.attempt, .part = submit.part, .spec = submit.spec, .ticket = {},
           .itl_slo_s = submit.itl_slo_s});
}

void BatchWorker::grant(AttemptId attempt, const Ticket& ticket) {
  command({.kind = Command::Kind::grant, .attempt = attempt, .part = {}, .spec = nullptr, .ticket = ticket});
}

void BatchWorker::cancel(AttemptId attempt) {
  command({.kind = Command::Kind::cancel, .attempt = attempt, .part = {}, .spec = nullptr, .ticket = {}});
}

void BatchWorker::command(Command command) {
  if (stepping_) {
    inbox_.push_back(std::move(command));
    return;
  }
  obey(command);
  step();
}

void BatchWorker::obey(Command& command) {
  if (command.kind == Command::Kind::submit) return command.part == Part::decode ? reserve(command) : start(command);
  Sequence* sequence = find(command.attempt);
  if (sequence == nullptr) return;
  if (command.kind == Command::Kind::grant) {
    sequence->ticket = command.ticket;
    begin_push(*sequence);
    return;
  }
  if (sequence->ticket && sequence->part == Part::prefill) port_.abort_push(index_, sequence->attempt);
  erase(*sequence);
}

void BatchWorker::start(Command& command) {
  const auto size = static_cast<std::int32_t>(command.spec->tokens.size());
  if (waiting_.size() >= kMaxWaiting) {
    return port_.send_failed(index_, command.attempt, {Errc::queue_full, "too many sequences wait on this worker"});
  }
  if (blocks_for(size) > pool_.total() || size >= max_context_) {
    return port_.send_failed(index_, command.attempt, {Errc::context_length_exceeded, "the prompt does not fit"});
  }
  auto sequence = std::make_unique<Sequence>();
  sequence->attempt = command.attempt;
  sequence->part = command.part;
  sequence->order = ++next_order_;
  sequence->given = sequence->size = size;
  sequence->output = port_.output_tokens(*command.spec);
  sequence->itl_slo_s = command.itl_slo_s;
  sequence->work = size;
  sequence->arrival = static_cast<std::int64_t>(stats_.prefill_tokens);
  sequence->spec = std::move(command.spec);
  waiting_.push_back(sequence.get());
  sequences_.emplace(sequence->attempt, std::move(sequence));
}

void BatchWorker::reserve(Command& command) {
  const auto size = static_cast<std::int32_t>(command.spec->tokens.size());
  if (static_cast<std::size_t>(reserved_) + ready_.size() >= kMaxWaiting) {
    return port_.send_failed(index_, command.attempt, {Errc::queue_full, "too many reservations"});
  }
  kv::BlockLease lease = pool_.match(std::span(command.spec->tokens).first(command.spec->tokens.size() - 1));
  const std::int32_t shared = lease.size();
  const std::int32_t need = blocks_for(size) - shared;
  const auto next = std::ranges::min_element(waiting_, {}, [this](const Sequence* s) {
    return s->rank(static_cast<std::int64_t>(stats_.prefill_tokens));
  });
  const std::int32_t owed = next == waiting_.end() ? 0 : blocks_for((*next)->size);
  auto granted = need <= pool_.available() - owed ? pool_.grant(need) : std::nullopt;
  if (!granted) return port_.send_failed(index_, command.attempt, {Errc::out_of_blocks, "no KV blocks to be had now"});
  lease.append(std::move(*granted));
  auto sequence = std::make_unique<Sequence>();
  sequence->attempt = command.attempt;
  sequence->part = Part::decode;
  sequence->phase = Phase::reserved;
  sequence->order = ++next_order_;
  sequence->given = sequence->size = size;
  sequence->computed = sequence->cached = shared * block_tokens_;
  sequence->output = port_.output_tokens(*command.spec);
  sequence->itl_slo_s = command.itl_slo_s;
  sequence->work = size;
  sequence->arrival = static_cast<std::int64_t>(stats_.prefill_tokens);
  sequence->prefilled = true;
  sequence->lease = std::move(lease);
  sequence->spec = std::move(command.spec);
  stats_.cached_tokens += static_cast<std::uint64_t>(sequence->cached);
  stats_.peak_blocks = std::max(stats_.peak_blocks, used_blocks());
  ++reserved_;
  port_.send_ticket(index_, sequence->attempt, {.worker = index_, .first_token = sequence->computed});
  sequences_.emplace(sequence->attempt, std::move(sequence));
}

BatchWorker::Sequence* BatchWorker::find(AttemptId attempt) {
  const auto found = sequences_.find(attempt);
  return found == sequences_.end() ? nullptr : found->second.get();
}

void BatchWorker::leave_queue(Sequence& sequence) {
  switch (sequence.phase) {
    case Phase::waiting: std::erase(waiting_, &sequence); break;
    case Phase::ready: std::erase(ready_, &sequence); break;
    case Phase::running: std::erase(running_, &sequence); break;
    case Phase::reserved: --reserved_; break;
    case Phase::held: break;
  }
}

void BatchWorker::erase(Sequence& sequence) {
  leave_queue(sequence);
  sequences_.erase(sequence.attempt);
}

// ---- hand-over --------------------------------------------------------------------------------------------------

/// Starts with what is computed already. Only an admitted sequence has blocks to push from.
void BatchWorker::begin_push(Sequence& sequence) {
  if (sequence.part != Part::prefill || !sequence.ticket) return;
  port_.begin_push(index_, sequence.attempt, sequence.ticket->worker);
  sequence.pushed = sequence.ticket->first_token;
  if (sequence.computed > sequence.pushed) {
    port_.push(index_, sequence.attempt, (sequence.computed - sequence.pushed) * kv_token_bytes_);
    sequence.pushed = sequence.computed;
  }
  finish_push(sequence);
}

void BatchWorker::finish_push(Sequence& sequence) {
  if (sequence.phase != Phase::held || !sequence.ticket || sequence.finishing) return;
  sequence.finishing = true;
  port_.finish_push(index_, sequence.attempt, 1);
}

bool BatchWorker::committed(AttemptId attempt, TokenId /*first*/) {
  Sequence* sequence = find(attempt);
  if (sequence == nullptr || sequence->phase != Phase::reserved) return false;
  --reserved_;
  sequence->lease.committed();
  sequence->computed = sequence->size;
  sequence->published = pool_.publish(sequence->published, sequence->spec->tokens, sequence->lease.blocks());
  ++sequence->size;
  sequence->phase = Phase::ready;
  ready_.push_back(sequence);
  if (!stepping_) step();
  return true;
}

void BatchWorker::delivered(AttemptId attempt, double bytes, Nanos elapsed, const Error* error) {
  Sequence* sequence = find(attempt);
  if (sequence == nullptr) return;
  if (error != nullptr) {
    port_.send_failed(index_, attempt, *error);
  } else {
    port_.send_handed(index_, attempt, bytes, elapsed);
  }
  erase(*sequence);
  if (!stepping_) step();  // its blocks may be what others wait for
}

std::vector<perf::StepSample> BatchWorker::take_samples(std::size_t most) {
  if (samples_.size() > most) samples_.erase(samples_.begin(), samples_.end() - static_cast<std::ptrdiff_t>(most));
  return std::exchange(samples_, {});
}

cluster::WorkerLoad BatchWorker::load() const {
  cluster::WorkerLoad load;
  load.free_blocks = pool_.available();
  load.running = static_cast<std::int32_t>(running_.size() + ready_.size());
  load.waiting = static_cast<std::int32_t>(waiting_.size());
  for (const Sequence* s : waiting_) load.waiting_prefill_tokens += s->remaining();
  for (const Sequence* s : running_) {
    if (s->remaining() > 1) load.waiting_prefill_tokens += s->remaining();
  }
  return load;
}

}  // namespace baton::sim
