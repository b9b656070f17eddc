#include <algorithm>
#include <cmath>
#include <utility>

#include "core/check.h"
#include "schedule/life_cycle.h"

namespace baton::schedule {

namespace {

constexpr int kMaxRetryAfter_s = 120;
/// Between two dispatches, while nothing was measured yet.
constexpr double kAssumedInterval_s = 1.0;
/// Nobody is refused for a shorter wait than this.
constexpr double kLeastBound_s = 1.0;

Error error_of(Errc code, std::string message, int retry_after_s) {
  return {code, std::move(message), {}, retry_after_s};
}

}  // namespace

/// Why a request cannot be taken on at all; nullopt if it can.
std::optional<Error> LifeCycle::refusal(const Arrive& event) const {
  if (draining_) return error_of(Errc::draining, "The server is shutting down.", retry_after_s());
  const GenerationSpec* spec = event.spec.get();
  if (spec == nullptr || spec->tokens.empty()) return Error{Errc::invalid_request, "The prompt is empty."};
  if (spec->sampling.max_tokens <= spec->generated) {
    return Error{Errc::invalid_request, "max_tokens must be at least 1.", "max_tokens"};
  }
  if (event.deadline <= now_) return Error{Errc::timeout, "The request's deadline passed before it was started."};
  if (!ready()) {
    const auto grace = std::chrono::ceil<std::chrono::seconds>(options_.restart_grace).count();
    return error_of(Errc::no_workers, "No worker is connected that could serve the request.",
                    static_cast<int>(std::clamp<std::int64_t>(grace, 1, kMaxRetryAfter_s)));
  }
  if (std::cmp_greater(spec->tokens.size(), largest_prompt_)) {
    return Error{Errc::context_length_exceeded,
                 "This model's maximum context length is " + std::to_string(largest_prompt_) +
                     " tokens. However, your prompt has " + std::to_string(spec->tokens.size()) +
                     " tokens. Please reduce the length of the prompt.",
                 "messages"};
  }
  return std::nullopt;
}

void LifeCycle::on(const Arrive& event) {
  BATON_CHECK(!requests_.contains(event.request));
  ++stats_.arrived;
  if (std::optional<Error> error = refusal(event)) {
    ++stats_.failed;
    commands_.emplace_back(Fail{event.request, std::move(*error)});
    return;
  }
  Request& request = requests_[event.request];
  request.id = event.request;
  request.order = next_order_++;
  take_in(request, event);
  const bool must_wait = waiting() > 0 || stats_.running >= options_.running_requests;
  if (must_wait) {
    if (std::optional<Error> error = hopeless(request)) return fail_request(request, std::move(*error));
  }
  enqueue(request);
  pump();
}

/// Why a request that would have to wait is better refused now than later.
std::optional<Error> LifeCycle::hopeless(const Request& request) const {
  if (std::cmp_greater_equal(waiting(), options_.queue_requests)) {
    return error_of(Errc::queue_full,
                    "The server is overloaded: " + std::to_string(waiting()) + " requests are waiting.",
                    retry_after_s());
  }
  const std::optional<double> interval_s = pace_.interval_s();
  if (!interval_s) return std::nullopt;
  const double wait_s = *interval_s * static_cast<double>(queue_.ahead_of(request.priority, request.tenant) + 1);
  double bound_s = std::chrono::duration<double>(options_.queue_timeout).count();
  if (request.deadline != kNever) {
    bound_s = std::min(bound_s, std::chrono::duration<double>(request.deadline - now_).count());
  }
  const double ttft_s = classes_[static_cast<std::size_t>(request.asked_class)].slo.ttft_ms * 1e-3;
  const double factor = options_.scheduling.shed_ttft_factor;
  if (ttft_s > 0 && factor > 0) bound_s = std::min(bound_s, std::max(kLeastBound_s, factor * ttft_s));
  if (wait_s <= bound_s) return std::nullopt;
  const auto retry_s = static_cast<int>(std::clamp(std::ceil(wait_s - bound_s), 1.0, double{kMaxRetryAfter_s}));
  return error_of(Errc::queue_full,
                  "The server is overloaded: the request would have to wait about " +
                      std::to_string(static_cast<std::int64_t>(std::ceil(wait_s))) + " s.",
                  retry_s);
}

void LifeCycle::on(const Abandon& event) {
  const auto found = requests_.find(event.request);
  if (found == requests_.end()) return;
  ++stats_.abandoned;
  if (event.complete) observe_length(found->second, FinishReason::stop);
  erase(found->second);
  pump();
}

void LifeCycle::on(const StartDrain& /*event*/) { draining_ = true; }

/// Due timers in order of time. Each is handled once: what it sets anew for the same instant waits for the next Tick.
void LifeCycle::on(const Tick& /*event*/) {
  std::vector<RequestId> due;
  for (const auto& [at, order, id] : timers_) {
    if (at > now_) break;
    due.push_back(id);
  }
  for (const RequestId id : due) {
    if (const auto found = requests_.find(id); found != requests_.end()) expire(found->second);
  }
  if (!due.empty()) pump();
}

void LifeCycle::expire(Request& request) {
  if (now_ >= request.deadline) {
    return fail_request(request, {Errc::timeout, "The request did not finish before its deadline."});
  }
  if (request.running) {
    if (now_ < request.attempt.phase_deadline) return;
    const WorkerId decode = request.attempt.decode.worker;
    if (!request.attempt.ticket) {
      return attempt_failed(request, decode,
                            {Errc::worker_lost, "worker " + name_of(decode) + " did not answer a reservation"});
    }
    return attempt_failed(request, decode,
                          {Errc::transfer_failed, "the KV hand-over from " + name_of(request.attempt.prefill.worker) +
                                                      " to " + name_of(decode) + " did not end"});
  }
  if (now_ >= request.wait_deadline) {
    return fail_request(request, error_of(Errc::timeout, "The request waited too long for a free worker.",
                                          retry_after_s()));
  }
  if (now_ >= request.no_path_deadline) {
    if (!somebody_could(ask_for(request, request.asked_class))) {
      return fail_request(request, error_of(Errc::no_workers, "No worker is connected that could serve the request.",
                                            retry_after_s()));
    }
    request.no_path_deadline = kNever;
  }
  if (now_ >= request.probe_at) {
    request.refused_by.clear();
    request.probe_at = kNever;
  }
  arm(request);
}

void LifeCycle::enqueue(Request& request) {
  BATON_CHECK(!request.running);
  if (request.wait_deadline == kNever) request.wait_deadline = now_ + options_.queue_timeout;
  queue_.push(request);
  ++stats_.queued;
  arm(request);
}

/// Starts waiting requests in the queue's order. One that is refused for want of room holds back those behind it, so
/// that long prompts are not starved by short ones; one nobody can serve (now) is put aside.
void LifeCycle::pump() {
  while (stats_.running < options_.running_requests) {
    Request* request = queue_.front(now_);
    if (request == nullptr) return;
    const Placed placed = try_place(*request);
    if (placed == Placed::no_room) return;
    queue_.erase(*request);
    if (placed == Placed::no_path) {
      park(*request);
      continue;
    }
    --stats_.queued;
    queue_.charge(*request, output_left(*request, request->forecast.mean));
    pace_.dispatched(now_, queue_.size());
    arm(*request);
  }
}

void LifeCycle::park(Request& request) {
  request.parked = true;
  parked_.emplace(request.order, &request);
  if (request.no_path_deadline == kNever) request.no_path_deadline = now_ + options_.restart_grace;
  arm(request);
}

/// The set of workers changed: those put aside may have got a worker.
void LifeCycle::unpark() {
  for (auto& [order, request] : parked_) {
    request->parked = false;
    queue_.push(*request);
  }
  parked_.clear();
}

void LifeCycle::finish(Request& request) {
  ++stats_.finished;
  const std::uint64_t kv_bytes = request.kv_bytes + request.attempt.kv_bytes;
  stats_.kv_bytes += kv_bytes;
  commands_.emplace_back(Finish{request.id, request.cached_tokens.value_or(0), kv_bytes, request.failures + 1});
  erase(request);
}

void LifeCycle::fail_request(Request& request, Error error) {
  ++stats_.failed;
  const int status = errc_info(error.code).http_status;
  if (error.retry_after_s == 0 && (status == 429 || status == 503)) error.retry_after_s = retry_after_s();
  commands_.emplace_back(Fail{request.id, std::move(error)});
  erase(request);
}

/// Forgets a request; what workers may still hold of it is cancelled.
void LifeCycle::erase(Request& request) {
  if (request.running) {
    end_attempt(request);
  } else if (request.parked) {
    parked_.erase(request.order);
    --stats_.queued;
  } else if (queue_.erase(request)) {
    --stats_.queued;
  }
  if (request.timer != kNever) timers_.erase({request.timer, request.order, request.id});
  requests_.erase(request.id);
}

void LifeCycle::arm(Request& request) {
  const TimePoint next =
      request.running
          ? std::min(request.deadline, request.attempt.phase_deadline)
          : std::min({request.deadline, request.wait_deadline, request.no_path_deadline, request.probe_at});
  if (next == request.timer) return;
  if (request.timer != kNever) timers_.erase({request.timer, request.order, request.id});
  if (next != kNever) timers_.emplace(next, request.order, request.id);
  request.timer = next;
}

/// When a newcomer could be served: the queue's length at the pace of late, at most two minutes.
int LifeCycle::retry_after_s() const {
  const double interval_s = pace_.interval_s().value_or(kAssumedInterval_s);
  const double seconds = std::ceil(static_cast<double>(waiting() + 1) * interval_s);
  return static_cast<int>(std::clamp(seconds, 1.0, double{kMaxRetryAfter_s}));
}

}  // namespace baton::schedule
