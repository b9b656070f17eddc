#include "worker/engine_loop.h"

#include <algorithm>

#include "core/hash.h"
#include "core/log.h"
#include "transfer/host.h"
#include "wire/convert.h"
#include "wire/frame.h"
#include "wire/wire.pb.h"

namespace baton::worker {
namespace {

constexpr std::string_view kLog = "worker";

std::string framed(const wire::Envelope& envelope) {
  return wire::encode_frame(envelope);
}

}  // namespace

EngineLoop::EngineLoop(EngineLoopOptions options, engine::Engine& engine, transfer::Service& service, FrameSink sink)
    : options_(options),
      engine_(engine),
      service_(service),
      sink_(std::move(sink)),
      commands_(options.queue_commands),
      transfer_salt_(transfer::random_bits()) {
  engine_.set_layer_hook([this](const engine::LayerDone& done) { on_layer(done); });
}

bool EngineLoop::submit(EngineCommand command) {
  return commands_.push(std::move(command));
}
void EngineLoop::submit_always(EngineCommand command) {
  commands_.push_always(std::move(command));
}

void EngineLoop::stop() {
  stopping_.store(true);
  commands_.close();
}

void EngineLoop::run() {
  while (!stopping_.load()) {
    auto batch = engine_.has_work() ? commands_.take() : commands_.wait(next_wake(Clock::now()));
    for (auto& command : batch) std::visit([this](auto& c) { handle(c); }, command);
    if (engine_.has_work()) step();
    const auto now = Clock::now();
    expire(now);
    update_idle();
    report_load(now);
  }
  while (!attempts_.empty()) end(attempts_.begin()->first);
}

// ---- commands --------------------------------------------------------------------------------------------------

void EngineLoop::handle(Submit& command) {
  if (draining_) return send_failed(command.key, {Errc::draining, "this worker is draining"});
  if (!connections_.contains(command.key.connection)) return;
  if (by_key_.contains(command.key)) {
    return send_failed(command.key, {Errc::protocol, "attempt id is in use on this connection"});
  }
  const auto vocab = engine_.model().vocab;
  const auto outside = [vocab](TokenId token) { return token < 0 || token >= vocab; };
  if (std::ranges::any_of(command.spec.tokens, outside)) {
    return send_failed(command.key, {Errc::invalid_request, "a prompt token id is outside the vocabulary of " +
                                                                std::to_string(vocab) + " tokens"});
  }
  const auto sequence = start(command);
  if (!sequence) return send_failed(command.key, sequence.error());
}

EngineLoop::Attempt EngineLoop::make_attempt(const Submit& command) const {
  Attempt attempt;
  attempt.key = command.key;
  attempt.kind = command.kind;
  attempt.started = Clock::now();
  attempt.deadline = command.deadline == kNever ? attempt.started + options_.default_timeout : command.deadline;
  attempt.spec_tokens = static_cast<std::int32_t>(command.spec.tokens.size());
  return attempt;
}

Result<engine::SequenceId> EngineLoop::start(Submit& command) {
  if (command.kind == AttemptKind::reserve) return start_reservation(command);
  Attempt attempt = make_attempt(command);
  auto sequence = command.kind == AttemptKind::prefill ? engine_.prefill(std::move(command.spec))
                                                       : engine_.generate(std::move(command.spec), {.itl_s = command.itl_slo_s});
  if (!sequence) return sequence;
  by_key_[attempt.key] = *sequence;
  attempts_.emplace(*sequence, std::move(attempt));
  return sequence;
}

Result<engine::SequenceId> EngineLoop::start_reservation(Submit& command) {
  Attempt attempt = make_attempt(command);
  auto reservation = engine_.reserve(std::move(command.spec), {.itl_s = command.itl_slo_s});
  if (!reservation) return std::unexpected(reservation.error());

  const transfer::TransferId id{hash_combine(transfer_salt_, ++transfer_counter_)};
  attempt.transfer = id;
  grants_[id] = reservation->sequence;
  by_key_[attempt.key] = reservation->sequence;
  transfer::Service::GrantRequest request{.id = id,
                                          .blocks = std::move(reservation->blocks),
                                          .first_token = reservation->first_token,
                                          .tokens = attempt.spec_tokens};
  request.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(attempt.deadline - attempt.started);
  wire::Envelope envelope;
  envelope.mutable_ticket()->set_attempt(attempt.key.attempt.value);
  envelope.mutable_ticket()->set_ticket(service_.grant(std::move(request)));
  sink_(attempt.key.connection, framed(envelope));
  attempts_.emplace(reservation->sequence, std::move(attempt));
  return reservation->sequence;
}

void EngineLoop::handle(GrantIn& command) {
  const auto found = by_key_.find(command.key);
  if (found == by_key_.end()) return;  // ended already: the router knows or will hear
  Attempt& attempt = attempts_.at(found->second);
  if (attempt.kind != AttemptKind::prefill || attempt.transfer || !attempt.ticket.empty()) {
    return fail_attempt(found->second, {Errc::protocol, "unexpected grant"});
  }
  attempt.ticket = std::move(command.ticket);
  open_transfer(found->second, attempt);
  settle_sends();
}

void EngineLoop::handle(const CancelIn& command) {
  if (const auto found = by_key_.find(command.key); found != by_key_.end()) end(found->second);
}

void EngineLoop::handle(const ConnectionOpened& command) {
  connections_.try_emplace(command.connection);
  uninformed_.insert(command.connection);
  last_report_ = {};  // the newcomer needs a load report
}

void EngineLoop::handle(const ConnectionClosed& command) {
  connections_.erase(command.connection);
  uninformed_.erase(command.connection);
  std::vector<engine::SequenceId> gone;
  for (const auto& [sequence, attempt] : attempts_) {
    if (attempt.key.connection == command.connection) gone.push_back(sequence);
  }
  for (const auto sequence : gone) end(sequence);
}

void EngineLoop::handle(TransferIn& command) {
  std::visit([this](const auto& event) { on(event); }, command.event);
}

void EngineLoop::handle(const DrainIn&) {
  draining_ = true;
}

// ---- hand-over, prefill side -----------------------------------------------------------------------------------

void EngineLoop::open_transfer(engine::SequenceId sequence, Attempt& attempt) {
  if (attempt.ticket.empty() || attempt.transfer) return;
  const auto blocks = engine_.blocks(sequence);
  if (blocks.empty()) return;  // not admitted yet; the first layer hook tries again
  auto id = service_.send(attempt.ticket, {blocks.begin(), blocks.end()});
  attempt.ticket.clear();
  if (!id) {
    attempt.send_error = id.error();
    failed_sends_.push_back(sequence);
    return;
  }
  attempt.transfer = *id;
  sends_[*id] = {sequence, attempt.key};
  if (attempt.computed_tokens > 0) service_.push_layers(*id, 0, options_.layers, attempt.computed_tokens);
  finish_transfer(attempt);
}

void EngineLoop::finish_transfer(Attempt& attempt) {
  if (!attempt.transfer || !attempt.first || attempt.finishing) return;
  attempt.finishing = true;
  service_.push_layers(*attempt.transfer, 0, options_.layers, attempt.spec_tokens);
  service_.finish(*attempt.transfer, {.first_token = *attempt.first, .prompt_tokens = attempt.spec_tokens});
}

void EngineLoop::on_layer(const engine::LayerDone& done) {
  const auto found = attempts_.find(done.sequence);
  if (found == attempts_.end() || found->second.kind != AttemptKind::prefill) return;
  Attempt& attempt = found->second;
  if (!attempt.transfer && !attempt.send_error) open_transfer(done.sequence, attempt);
  if (attempt.transfer) service_.push_layers(*attempt.transfer, done.layer, done.layer + 1, done.upto_token);
  if (done.layer + 1 == options_.layers) attempt.computed_tokens = done.upto_token;
}

void EngineLoop::settle_sends() {
  for (const auto sequence : std::exchange(failed_sends_, {})) {
    const auto found = attempts_.find(sequence);
    if (found != attempts_.end() && found->second.send_error) fail_attempt(sequence, Error(*found->second.send_error));
  }
}

void EngineLoop::on(const transfer::Delivered& event) {
  const auto send = sends_.extract(event.id);
  if (send.empty()) return;
  const auto& [sequence, key] = send.mapped();
  // Also for an attempt that was cancelled meanwhile, because its decode side had already finished: the bytes moved.
  wire::Envelope envelope;
  auto& handed = *envelope.mutable_handed();
  handed.set_attempt(key.attempt.value);
  handed.set_bytes(event.bytes);
  handed.set_micros(static_cast<std::uint64_t>(event.elapsed.count()));
  handed.set_transport(service_.transport());
  sink_(key.connection, framed(envelope));
  forget(sequence);
  engine_.release(sequence);
}

void EngineLoop::on(const transfer::SendFailed& event) {
  const auto send = sends_.extract(event.id);
  if (send.empty()) return;
  const auto& [sequence, key] = send.mapped();
  if (attempts_.contains(sequence)) send_failed(key, event.error);
  forget(sequence);
  engine_.release(sequence);
}

// ---- hand-over, decode side ------------------------------------------------------------------------------------

void EngineLoop::on(const transfer::Received& event) {
  const auto grant = grants_.extract(event.id);
  if (grant.empty()) return;
  const auto sequence = grant.mapped();
  const auto found = attempts_.find(sequence);
  if (found == attempts_.end()) return engine_.drained(sequence);  // cancelled while COMMIT was on its way
  const auto token = event.payload.first_token.token;
  if (event.payload.prompt_tokens != found->second.spec_tokens || token < 0 || token >= engine_.model().vocab) {
    send_failed(found->second.key, {Errc::protocol, "COMMIT does not match the reservation"});
    forget(sequence);
    engine_.drop(sequence);
    return engine_.drained(sequence);
  }
  found->second.committed = true;
  found->second.transfer.reset();
  engine_.commit(sequence, event.payload.first_token);
}

void EngineLoop::on(const transfer::ReceiveFailed& event) {
  const auto grant = grants_.find(event.id);
  if (grant == grants_.end()) return;
  if (attempts_.contains(grant->second)) {
    const auto sequence = grant->second;
    send_failed(attempts_.at(sequence).key, event.error);
    forget(sequence);
    engine_.drop(sequence);
  }
}

void EngineLoop::on(const transfer::Drained& event) {
  const auto grant = grants_.extract(event.id);
  if (!grant.empty()) engine_.drained(grant.mapped());
}

// ---- the step --------------------------------------------------------------------------------------------------

void EngineLoop::step() {
  const TimePoint began = Clock::now();
  const auto events = engine_.step();
  note_step(std::chrono::duration<double>(Clock::now() - began).count());
  for (const auto& event : events) std::visit([this](const auto& e) { on_event(e); }, event);
  settle_sends();
  for (auto& [connection, tokens] : connections_) {
    if (tokens.empty()) continue;
    wire::Envelope envelope;
    for (const auto& token : tokens) *envelope.mutable_step()->add_tokens() = wire::to_wire(token);
    sink_(connection, framed(envelope));
    tokens.clear();
  }
}

void EngineLoop::on_event(const engine::TokenEvent& event) {
  const auto found = attempts_.find(event.sequence);
  if (found == attempts_.end()) return;
  Attempt& attempt = found->second;
  TokenOut token = event.token;
  token.attempt = attempt.key.attempt;
  const bool finished = token.finish != FinishReason::none;
  if (const auto out = connections_.find(attempt.key.connection); out != connections_.end()) {
    out->second.push_back(token);
  }
  if (finished) return end(event.sequence);
  if (attempt.kind == AttemptKind::prefill) {
    attempt.first = std::move(token);
    attempt.computed_tokens = attempt.spec_tokens;
    open_transfer(event.sequence, attempt);
    finish_transfer(attempt);
  }
}

void EngineLoop::on_event(const engine::PromptLogprobsEvent& event) {
  const auto found = attempts_.find(event.sequence);
  if (found == attempts_.end()) return;
  wire::Envelope envelope;
  *envelope.mutable_prompt_scores() = wire::to_wire(event.logprobs);
  envelope.mutable_prompt_scores()->set_attempt(found->second.key.attempt.value);
  sink_(found->second.key.connection, framed(envelope));
}

void EngineLoop::on_event(const engine::PrefilledEvent& event) {
  const auto found = attempts_.find(event.sequence);
  if (found == attempts_.end()) return;
  wire::Envelope envelope;
  envelope.mutable_prefilled()->set_attempt(found->second.key.attempt.value);
  envelope.mutable_prefilled()->set_cached_tokens(static_cast<std::uint32_t>(event.cached_tokens));
  sink_(found->second.key.connection, framed(envelope));
}

void EngineLoop::on_event(const engine::FailedEvent& event) {
  fail_attempt(event.sequence, Error(event.error));
}

// ---- endings ---------------------------------------------------------------------------------------------------

void EngineLoop::end(engine::SequenceId sequence) {
  const auto found = attempts_.find(sequence);
  if (found == attempts_.end()) return;
  const auto transfer = found->second.transfer;
  const auto kind = found->second.kind;
  const bool committing = found->second.finishing;
  forget(sequence);
  if (kind == AttemptKind::reserve && transfer) {
    engine_.drop(sequence);
    service_.abort(*transfer);
  } else if (transfer) {
    // The blocks are released when the hand-over has let go of them. One past its COMMIT ends by itself: delivered, or
    // refused by a receiver that no longer wants it.
    if (!committing) service_.cancel(*transfer);
  } else {
    engine_.release(sequence);
  }
}

void EngineLoop::forget(engine::SequenceId sequence) {
  const auto found = attempts_.find(sequence);
  if (found == attempts_.end()) return;
  by_key_.erase(found->second.key);
  attempts_.erase(found);
}

void EngineLoop::fail_attempt(engine::SequenceId sequence, const Error& error) {
  if (const auto found = attempts_.find(sequence); found != attempts_.end()) {
    send_failed(found->second.key, error);
    end(sequence);
  }
}

void EngineLoop::send_failed(AttemptKey key, const Error& error) {
  wire::Envelope envelope;
  *envelope.mutable_failed() = wire::to_wire(key.attempt, error);
  sink_(key.connection, framed(envelope));
  log_debug(kLog, "attempt failed", {{"attempt", key.attempt.value}, {"error", error.message}});
}

void EngineLoop::expire(TimePoint now) {
  std::vector<engine::SequenceId> late;
  for (const auto& [sequence, attempt] : attempts_) {
    if (attempt.deadline <= now) late.push_back(sequence);
  }
  for (const auto sequence : late) fail_attempt(sequence, {Errc::timeout, "the request's deadline passed"});
}

// ---- reports ---------------------------------------------------------------------------------------------------

void EngineLoop::update_idle() {
  idle_.store(attempts_.empty() && sends_.empty() && grants_.empty());
}

TimePoint EngineLoop::next_wake(TimePoint now) const {
  // Waiting attempts (for a grant, for KV) have deadlines; a coarse tick finds the late ones.
  const auto tick = attempts_.empty() ? options_.load_max_interval : std::chrono::milliseconds(20);
  return now + tick;
}

}  // namespace baton::worker
