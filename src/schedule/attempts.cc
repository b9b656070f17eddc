#include <algorithm>
#include <utility>

#include "core/check.h"
#include "schedule/life_cycle.h"

namespace baton::schedule {

namespace {

constexpr Duration kFirstProbe = 20ms;
constexpr Duration kLastProbe = 1s;
/// Refusals in a row after which a report of free blocks is no longer believed and only the probe timer counts:
/// a refused reservation costs the prefill that was started with it.
constexpr std::int32_t kBelievedRefusals = 8;
/// Failed hand-overs after which one worker does the whole request.
constexpr std::int32_t kMaxHandoverFailures = 2;
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
  Ask ask{.tokens = request.tokens(),
          .local_below_tokens = options_.scheduling.local_below_tokens,
          .role_fallback = options_.faults.role_fallback,
          .local_only = request.handover_failures >= kMaxHandoverFailures,
          .avoid = request.avoid,
          .exclude = request.refused_by,
          .cached_on = request.cached_on,
          .turn = turns_,
          .random = random()};
  if (const auto decision = place(policy_, members_.snapshot(), ask)) {
    dispatch(request, *decision);
    return Placed::dispatched;
  }
  ask.exclude = {};
  if (request.refused_by.empty() || !place(policy_, members_.snapshot(), ask)) return Placed::no_path;
  if (request.probe_at == kNever) {
    request.probe_at = now_ + probe_delay(request.refusals);
    arm(request);
  }
  return Placed::no_room;
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

void LifeCycle::dispatch(Request& request, const Decision& decision) {
  const cluster::WorkerView* decode = members_.find(decision.decode);
  const cluster::WorkerView* prefill = members_.find(decision.prefill);
  BATON_CHECK(decode != nullptr && prefill != nullptr);
  const std::int64_t tokens = request.tokens();
  const std::int32_t decode_blocks = decode->blocks_for(tokens);
  ++turns_;
  ++request.dispatched;
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

  const auto spec = attempt_spec(request);
  if (decision.mode == Mode::local) {
    ++stats_.local;
    open(attempt.decode, decision.decode, {1, decode_blocks, tokens});
    commands_.emplace_back(SendGenerate{decision.decode, attempt.id, spec, request.deadline});
    return;
  }
  ++stats_.split;
  attempt.phase_deadline = now_ + options_.ticket_timeout;
  open(attempt.decode, decision.decode, {1, decode_blocks, 0});
  open(attempt.prefill, decision.prefill, {1, prefill->blocks_for(tokens), tokens});
  commands_.emplace_back(SendReserve{decision.decode, attempt.id, spec, request.deadline});
  commands_.emplace_back(SendPrefill{decision.prefill, attempt.id, spec, request.deadline});
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
  members_.release(side.worker, {.prefill_tokens = side.booking.prefill_tokens});
  side.booking.prefill_tokens = 0;
}

void LifeCycle::end_attempt(Request& request) {
  BATON_CHECK(request.running);
  Attempt& attempt = request.attempt;
  cancel(attempt.prefill, attempt.id);
  cancel(attempt.decode, attempt.id);
  attempts_.erase(attempt.id);
  request.kv_bytes += std::exchange(attempt.kv_bytes, 0);
  request.early.clear();
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
      count_workers();
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
