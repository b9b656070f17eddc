#include <algorithm>
#include <utility>

#include "schedule/life_cycle.h"

namespace baton::schedule {

namespace {

/// Tokens of D that may arrive before P's first token; more means that P's is lost.
constexpr std::size_t kMaxEarlyTokens = 1024;

/// Errors of the KV plane: between these two workers it did not work, elsewhere it may.
bool is_handover_error(Errc code) {
  switch (code) {
    case Errc::timeout:
    case Errc::worker_lost:
    case Errc::transfer_failed:
    case Errc::protocol:
    case Errc::config:
    case Errc::io:
    case Errc::cancelled: return true;
    default: return false;
  }
}

/// Who is better avoided after a failed hand-over. One that hears nothing accuses its peer; otherwise it is D, because
/// P's prefix cache makes the replay cheap.
WorkerId suspect(const Attempt& attempt, WorkerId reporter, Errc code) {
  const bool peer_silent = code == Errc::timeout || code == Errc::worker_lost;
  return peer_silent && reporter == attempt.decode.worker ? attempt.prefill.worker : attempt.decode.worker;
}

}  // namespace

/// nullptr for attempts that ended: their late frames mean nothing.
Request* LifeCycle::find(AttemptId attempt) {
  const auto found = attempts_.find(attempt);
  return found == attempts_.end() ? nullptr : found->second;
}

void LifeCycle::on(const TicketIn& event) {
  Request* request = find(event.attempt);
  if (request == nullptr) return;
  Attempt& attempt = request->attempt;
  if (attempt.mode != Mode::split || attempt.decode.worker != event.worker || attempt.ticket) return;
  attempt.ticket = true;
  request->refused_by.clear();
  request->refusals = 0;
  if (attempt.prefill.open) commands_.emplace_back(SendGrant{attempt.prefill.worker, attempt.id, event.ticket});
  await_handover(*request);
}

/// A retry sends all of them again: what was delivered before is cut off.
void LifeCycle::on(const PromptLogprobsIn& event) {
  Request* request = find(event.logprobs.attempt);
  if (request == nullptr || request->spec->sampling.prompt_logprobs < 0) return;
  const Attempt& attempt = request->attempt;
  const Side& side = attempt.mode == Mode::local ? attempt.decode : attempt.prefill;
  if (!side.open || side.worker != event.worker) return;
  const std::int64_t end = std::int64_t{event.logprobs.first} + std::ssize(event.logprobs.tokens);
  if (end <= request->prompt_delivered) return;
  if (event.logprobs.first > request->prompt_delivered || end > request->spec->prompt_tokens()) {
    attempt_failed(*request, event.worker, {Errc::protocol, "worker " + name_of(event.worker) + " skipped prompt logprobs"});
    return pump();
  }
  DeliverPrompt deliver{request->id, event.logprobs};
  auto& tokens = deliver.logprobs.tokens;
  tokens.erase(tokens.begin(), tokens.begin() + (request->prompt_delivered - deliver.logprobs.first));
  deliver.logprobs.first = std::exchange(request->prompt_delivered, static_cast<std::int32_t>(end));
  commands_.emplace_back(std::move(deliver));
}

void LifeCycle::on(const PrefilledIn& event) {
  Request* request = find(event.attempt);
  if (request == nullptr) return;
  Attempt& attempt = request->attempt;
  Side& side = attempt.mode == Mode::local ? attempt.decode : attempt.prefill;
  if (side.worker != event.worker) return;
  prefill_done(side);
  // A replay finds its own prompt cached: only the first report tells of the client's prompt.
  if (!request->cached_tokens) request->cached_tokens = event.cached_tokens;
}

void LifeCycle::on(const HandedIn& event) {
  Request* request = find(event.attempt);
  if (request == nullptr || request->attempt.mode != Mode::split) return;
  Attempt& attempt = request->attempt;
  if (event.worker != attempt.prefill.worker && event.worker != attempt.decode.worker) return;
  attempt.kv_bytes = std::max(attempt.kv_bytes, event.bytes);  // both sides report the same bytes
  if (event.worker == attempt.prefill.worker) {
    attempt.prefill_released = true;
    const cluster::WorkerView* p = members_.find(event.worker);
    const cluster::WorkerView* d = members_.find(attempt.decode.worker);
    if (p != nullptr && d != nullptr) {
      links_.observe(cluster::distance(*p, *d), static_cast<double>(event.bytes),
                     std::chrono::duration<double>(event.elapsed).count());
    }
  }
  note_handed(*request);
}

void LifeCycle::on(const FailedIn& event) {
  Request* request = find(event.attempt);
  if (request == nullptr) return;
  Attempt& attempt = request->attempt;
  Side* side = nullptr;
  if (attempt.decode.worker == event.worker) side = &attempt.decode;
  if (attempt.mode == Mode::split && attempt.prefill.worker == event.worker) side = &attempt.prefill;
  if (side == nullptr || !side->open) return;
  close(*side);
  // P's part was over: D has the KV and the client the token D cannot repeat.
  if (side == &attempt.prefill && attempt.handed && attempt.first_token) return;
  const bool handing_over = attempt.mode == Mode::split && attempt.ticket && !attempt.handed;
  if (handing_over && is_handover_error(event.error.code) && now_ < request->deadline) {
    const WorkerId culprit = suspect(attempt, event.worker, event.error.code);
    attempt_failed(*request, culprit, {Errc::transfer_failed, event.error.message});
  } else {
    attempt_failed(*request, event.worker, event.error);
  }
  pump();
}

void LifeCycle::on(const TokensIn& event) {
  const std::uint64_t ended = stats_.finished + stats_.failed;
  for (const TokenOut& token : event.tokens) {
    if (Request* request = find(token.attempt)) accept(*request, event.worker, token);
  }
  if (stats_.finished + stats_.failed != ended) pump();
}

/// Takes a token of a live attempt: delivers it and what it was missing for, or keeps it until its turn.
void LifeCycle::accept(Request& request, WorkerId worker, const TokenOut& token) {
  Attempt& attempt = request.attempt;
  const bool from_decode = attempt.decode.open && attempt.decode.worker == worker;
  const bool from_prefill =
      attempt.mode == Mode::split && attempt.prefill.worker == worker && token.index == attempt.base;
  if (!from_decode && !from_prefill) return;
  if (token.index == attempt.base) note_first_token(request);
  if (from_decode && attempt.mode == Mode::split) note_handed(request);

  const std::int32_t next = request.next_index();
  if (token.index < next) return;  // delivered before
  if (token.index == next) {
    if (deliver(request, token)) deliver_early(request);
    return;
  }
  const auto at = std::ranges::lower_bound(request.early, token.index, {}, &TokenOut::index);
  if (at != request.early.end() && at->index == token.index) return;
  if (request.early.size() == kMaxEarlyTokens) {
    attempt_failed(request, worker, {Errc::protocol, "worker " + name_of(worker) + " skipped a token"});
    return pump();
  }
  request.early.insert(at, token);
}

/// Delivers the next token. False if it ended the request (which is gone then).
bool LifeCycle::deliver(Request& request, const TokenOut& token) {
  request.delivered.push_back(token.token);
  TokenOut out = token;
  const bool last = request.next_index() >= request.spec->sampling.max_tokens;
  if (last && out.finish == FinishReason::none) out.finish = FinishReason::length;
  const FinishReason reason = out.finish;
  commands_.emplace_back(Deliver{request.id, std::move(out)});
  if (reason == FinishReason::none) return true;
  // Whoever ended it by its own token is done with it; after P's token D still waits, and P still holds the KV.
  Attempt& attempt = request.attempt;
  const bool ended_by_decode = attempt.mode == Mode::local || token.index != attempt.base;
  if (ended_by_decode && token.finish != FinishReason::none) close(attempt.decode);
  observe_length(request, reason);
  finish(request);
  return false;
}

void LifeCycle::deliver_early(Request& request) {
  std::size_t done = 0;
  while (done < request.early.size() && request.early[done].index <= request.next_index()) {
    const TokenOut& token = request.early[done++];
    if (token.index == request.next_index() && !deliver(request, token)) return;
  }
  request.early.erase(request.early.begin(), request.early.begin() + static_cast<std::ptrdiff_t>(done));
}

void LifeCycle::note_first_token(Request& request) {
  Attempt& attempt = request.attempt;
  if (std::exchange(attempt.first_token, true)) return;
  prefill_done(attempt.mode == Mode::local ? attempt.decode : attempt.prefill);
  await_handover(request);
}

void LifeCycle::note_handed(Request& request) {
  Attempt& attempt = request.attempt;
  const bool news = !std::exchange(attempt.handed, true);
  if (attempt.prefill_released && attempt.first_token) close(attempt.prefill);
  if (news) await_handover(request);
}

/// P's first token and the hand-over belong together: once P may push, the one must not be long without the other.
void LifeCycle::await_handover(Request& request) {
  Attempt& attempt = request.attempt;
  if (attempt.mode != Mode::split || !attempt.ticket) return;
  const bool one_missing = attempt.first_token != attempt.handed;
  attempt.phase_deadline = one_missing ? now_ + options_.handover_timeout : kNever;
  if (attempt.prefill_released && attempt.first_token) close(attempt.prefill);
  arm(request);
}

}  // namespace baton::schedule
