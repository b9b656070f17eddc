#include <algorithm>
#include <utility>

#include "core/check.h"
#include "schedule/eligible.h"
#include "schedule/life_cycle.h"

namespace baton::schedule {

namespace {

constexpr Duration kFirstProbe = 20ms;
constexpr Duration kLastProbe = 1s;
/// Refusals in a row after which a report of free blocks is no longer believed and only the probe timer counts:
/// a refused reservation costs the prefill that was started with it.
constexpr std::int32_t kBelievedRefusals = 8;
constexpr std::size_t kMaxAvoided = 8;
constexpr std::size_t kReservedTokens = 4096;

bool is_refusal(Errc code) {
  return code == Errc::out_of_blocks || code == Errc::queue_full || code == Errc::draining;
}

/// A worker that cancels what nobody cancelled is going away: others may do better.
bool is_retryable(Errc code) { return errc_info(code).retryable || code == Errc::queue_full || code == Errc::cancelled; }

Duration probe_delay(std::int32_t refusals) {
  return std::min(kLastProbe, kFirstProbe * (std::int64_t{1} << std::clamp(refusals - 1, 0, 10)));
}

}  // namespace

LifeCycle::Placed LifeCycle::try_place(Request& request) {
  lift_refusals(request);
  Ask ask = ask_for(request, request.asked_class);
  if (const auto decision = decide(request, ask)) {
    dispatch(request, ask, *decision);
    return Placed::dispatched;
  }
  if (!somebody_could(ask)) return Placed::no_path;
  if (request.probe_at == kNever) {
    request.probe_at = now_ + probe_delay(request.refusals);
    arm(request);
  }
  return Placed::no_room;
}

/// Were nobody full and had nobody refused.
bool LifeCycle::somebody_could(const Ask& ask) const {
  Ask anybody = ask;
  anybody.exclude = {};
  anybody.hold_s = 0;
  return place(policy_, members_.snapshot(), anybody).has_value();
}

/// Workers that refused are asked again once they seem to have room, or after a while whatever they seem.
void LifeCycle::lift_refusals(Request& request) {
  if (request.refused_by.empty()) return;
  if (now_ >= request.probe_at) {
    request.refused_by.clear();
    request.probe_at = kNever;
    arm(request);
    return;
  }
  if (request.refusals > kBelievedRefusals) return;
  std::erase_if(request.refused_by, [&](WorkerId id) {
    const cluster::WorkerView* worker = members_.find(id);
    return worker == nullptr || !worker->placeable() ||
           (worker->total_blocks > 0 && worker->has_room(request.tokens()));
  });
}

void LifeCycle::dispatch(Request& request, const Ask& ask, const Decision& decision) {
  const cluster::WorkerView* decode = members_.find(decision.decode);
  const cluster::WorkerView* prefill = members_.find(decision.prefill);
  BATON_CHECK(decode != nullptr && prefill != nullptr);
  ++turns_;
  ++request.dispatched;
  if (request.explain) explain(request, ask, decision);
  if (observer_) observer_(members_.snapshot(), ask, decision);
  measure_demand(ask, decision);
  if (request.dispatched > 1) ++(request.delivered.empty() ? stats_.retries : stats_.replays);
  if (request.delivered.capacity() == 0) {
    request.delivered.reserve(std::min(static_cast<std::size_t>(request.spec->sampling.max_tokens), kReservedTokens));
  }
  request.probe_at = kNever;
  request.no_path_deadline = kNever;
  request.running = true;
  ++stats_.running;
  request.attempt = {};
  Attempt& attempt = request.attempt;
  attempt.id = {++next_attempt_};
  attempt.mode = decision.mode;
  attempt.base = request.next_index();
  attempts_.emplace(attempt.id, &request);

  // KV room for the output that is likely to come is booked with the prompt's: nobody else is promised it.
  const auto context = ask.tokens + static_cast<std::int64_t>(ask.output_mean / 2);
  cluster::Booking on_decode{.sequences = 1, .blocks = decode->blocks_for(ask.room_tokens()), .context_tokens = context};
  auto hint = ask.cached.begin();
  const std::int64_t to_compute = ask.tokens - cached_tokens(*prefill, ask, hint);
  const auto spec = attempt_spec(request);
  const auto itl_slo_ms = static_cast<float>(ask.slo.itl_ms);
  if (decision.mode == Mode::local) {
    ++stats_.local;
    on_decode.prefill_tokens = to_compute;
    on_decode.prefills = 1;
    open(attempt.decode, decision.decode, on_decode);
    commands_.emplace_back(SendGenerate{decision.decode, attempt.id, spec, request.deadline, itl_slo_ms});
  } else {
    ++stats_.split;
    attempt.phase_deadline = now_ + options_.ticket_timeout;
    open(attempt.decode, decision.decode, on_decode);
    open(attempt.prefill, decision.prefill,
         {.sequences = 1, .blocks = prefill->blocks_for(ask.tokens), .prefill_tokens = to_compute, .prefills = 1});
    commands_.emplace_back(SendReserve{decision.decode, attempt.id, spec, request.deadline, itl_slo_ms});
    commands_.emplace_back(SendPrefill{decision.prefill, attempt.id, spec, request.deadline});
  }
  if (request.prefix_hashes.empty()) return;
  members_.holds(decision.decode, request.prefix_hashes);
  if (decision.mode == Mode::split) members_.holds(decision.prefill, request.prefix_hashes);
}

/// The request's own spec, or on a replay one with the delivered tokens appended.
std::shared_ptr<const GenerationSpec> LifeCycle::attempt_spec(const Request& request) const {
  if (request.delivered.empty()) return request.spec;
  auto spec = std::make_shared<GenerationSpec>(*request.spec);
  spec->tokens.insert(spec->tokens.end(), request.delivered.begin(), request.delivered.end());
  spec->generated = request.next_index();
  spec->sampling.prompt_logprobs = -1;  // they came before the first token
  return spec;
}

void LifeCycle::open(Side& side, WorkerId worker, const cluster::Booking& booking) {
  side = {worker, booking, true};
  members_.book(worker, booking);
}

void LifeCycle::close(Side& side) {
  if (!side.open) return;
  side.open = false;
  members_.release(side.worker, side.booking);
}

void LifeCycle::cancel(Side& side, AttemptId attempt) {
  if (!side.open) return;
  close(side);
  commands_.emplace_back(SendCancel{side.worker, attempt});
}

/// The prompt was computed there: it no longer stands in the way of others.
void LifeCycle::prefill_done(Side& side) {
  if (!side.open || side.booking.prefill_tokens == 0) return;
  members_.release(side.worker, {.prefill_tokens = side.booking.prefill_tokens, .prefills = side.booking.prefills});
  side.booking.prefill_tokens = 0;
  side.booking.prefills = 0;
}

void LifeCycle::end_attempt(Request& request) {
  BATON_CHECK(request.running);
  Attempt& attempt = request.attempt;
  cancel(attempt.prefill, attempt.id);
  cancel(attempt.decode, attempt.id);
  attempts_.erase(attempt.id);
  request.kv_bytes += std::exchange(attempt.kv_bytes, 0);
  request.early.clear();
  queue_.settle(request);
  request.running = false;
  --stats_.running;
}

/// Ends the attempt and decides what becomes of the request: it waits for a room, tries again elsewhere, or fails.
/// The caller pumps afterwards.
void LifeCycle::attempt_failed(Request& request, WorkerId culprit, Error error) {
  const Attempt& attempt = request.attempt;
  const bool accepted =
      attempt.mode == Mode::split && culprit == attempt.decode.worker ? attempt.ticket : attempt.first_token;
  const bool refused = is_refusal(error.code) && !accepted;
  const bool prefilled = attempt.mode == Mode::split && attempt.first_token && culprit != attempt.prefill.worker;
  if (prefilled) request.cached_on = attempt.prefill.worker;
  end_attempt(request);
  if (!is_retryable(error.code)) return fail_request(request, std::move(error));
  if (refused) {
    if (error.code == Errc::draining) {
      members_.draining(culprit);
      workers_changed();
    }
    members_.refused(culprit, request.tokens());
    request.refused_by.push_back(culprit);
    ++request.refusals;
    return enqueue(request);
  }
  ++request.failures;
  if (error.code == Errc::transfer_failed) ++request.handover_failures;
  if (request.failures >= options_.faults.max_attempts) {
    error.message += " (after " + std::to_string(request.failures) + " attempts)";
    return fail_request(request, std::move(error));
  }
  if (std::ranges::find(request.avoid, culprit) == request.avoid.end()) {
    if (request.avoid.size() == kMaxAvoided) request.avoid.erase(request.avoid.begin());
    request.avoid.push_back(culprit);
  }
  request.refused_by.clear();
  request.refusals = 0;
  request.wait_deadline = kNever;
  enqueue(request);
}

}  // namespace baton::schedule
