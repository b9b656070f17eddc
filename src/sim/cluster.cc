#include "sim/cluster.h"

#include <algorithm>
#include <utility>

#include "classify/classifier.h"
#include "core/check.h"

namespace baton::sim {

namespace {

constexpr std::uint64_t kNoisePurpose = 0x6e6f697365ULL;
constexpr std::size_t kMaxViolations = 20;

std::vector<double> adapters(const std::vector<WorkerSpec>& workers) {
  std::vector<double> out;
  for (const WorkerSpec& w : workers) out.push_back(w.nic_bytes_per_s);
  return out;
}

schedule::CoordinatorOptions seeded(schedule::CoordinatorOptions options, std::uint64_t seed) {
  options.seed = hash_combine(options.seed, seed);
  return options;
}

}  // namespace

SimResult simulate(const SimOptions& options, const Workload& workload) { return Cluster(options, workload).run(); }

Cluster::Cluster(const SimOptions& options, const Workload& workload)
    : options_(options),
      workload_(workload),
      coordinator_(seeded(options.coordinator, options.seed)),
      links_(adapters(options.workers)) {
  nodes_.reserve(options_.workers.size());
  for (std::uint64_t i = 0; i < options_.workers.size(); ++i) {
    nodes_.push_back({.noise = Random(options.seed, hash_combine(kNoisePurpose, i))});
  }
  result_.workers.resize(nodes_.size());
  result_.alive.resize(nodes_.size());
  result_.requests.resize(workload.requests.size());
  result_.classes = options_.coordinator.classes;
  if (result_.classes.empty()) result_.classes.emplace_back().name = "default";
  result_.gaps.resize(result_.classes.size());
  judge_classes();
  if (options_.record) log_.emplace(options_.record, seeded(options_.coordinator, options_.seed));
}

/// A request is judged by the class that its true length puts it in, whatever the Coordinator believed.
void Cluster::judge_classes() {
  for (std::size_t i = 0; i < workload_.requests.size(); ++i) {
    const SimRequest& request = workload_.requests[i];
    RequestOutcome& outcome = result_.requests[i];
    outcome.arrival = request.arrival;
    outcome.prompt = request.prompt_tokens;
    if (options_.coordinator.classes.empty()) continue;
    const auto output = static_cast<double>(request.output_tokens);
    classify::LengthForecast truth;
    truth.mean = truth.p50 = truth.p90 = output;
    classify::Features known;
    known.prompt_tokens = request.prompt_tokens;
    known.max_tokens = request.max_tokens > 0 ? request.max_tokens : options_.default_max_tokens;
    outcome.class_index = classify::classify(result_.classes, known, truth);
  }
}

SimResult Cluster::run() {
  for (std::uint32_t i = 0; i < nodes_.size(); ++i) come_up(i);
  for (std::uint64_t i = 0; i < options_.faults.size(); ++i) queue_.push(options_.faults[i].at, kFault, 0, i);
  if (!workload_.requests.empty()) queue_.push(workload_.requests.front().arrival, kArrive, 0, 0);
  std::size_t left = workload_.requests.size();
  open_requests_ = left;
  while (open_requests_ > 0) {
    const Nanos deadline = nanos_at(coordinator_.next_deadline());
    const Nanos next = queue_.empty() ? kNoTime : queue_.top().at;
    if (deadline == kNoTime && next == kNoTime) break;
    if (deadline <= next) {
      now_ = std::max(now_, deadline);
      feed(schedule::Tick{});
      if (nanos_at(coordinator_.next_deadline()) <= now_) {
        violation("a Tick left a timer that is due");
        break;
      }
      continue;
    }
    const Happening h = queue_.pop();
    now_ = h.at;
    ++result_.happenings;
    happen(h);
  }
  result_.end = now_;
  result_.coordinator = coordinator_.stats();
  check_quiet();
  result_.events += result_.happenings;
  result_.kv_bytes = links_.moved_bytes();
  return std::move(result_);
}

void Cluster::happen(const Happening& h) {
  const std::uint32_t kind = h.kind & 0xff;
  const bool stale = (kind == kWake || kind == kReport) && h.kind != kind_of(kind, h.worker);
  if (stale) return;
  switch (kind) {
    case kArrive: return arrive(h.data);
    case kToWorker: return deliver_to_worker(h.worker, h.data);
    case kToRouter: {
      ToRouter& message = router_slots_[h.data];
      if (message.incarnation == nodes_[h.worker].incarnation) {
        if (auto* tokens = std::get_if<schedule::TokensIn>(&message.event)) tokens->tokens = message.tokens;
        feed(message.event);
      }
      free_router_slots_.push_back(h.data);
      return;
    }
    case kWake:
      nodes_[h.worker].worker->wake(h.data);
      schedule_links();
      return maybe_report(h.worker);
    case kLink:
      if (links_.settle(static_cast<FlowId>(h.data & 0xffffffff), static_cast<std::uint32_t>(h.data >> 32), now_)) {
        flow_rests(static_cast<FlowId>(h.data & 0xffffffff));
      }
      return schedule_links();
    case kCommit: return commit(AttemptId{h.data});
    case kDelivered: return delivered(AttemptId{h.data});
    case kReport: return report_timer(h.worker);
    case kFault: return fault(options_.faults[h.data]);
    case kBack:
      if (nodes_[h.worker].worker == nullptr && !closing_) come_up(h.worker);
      return;
    default: BATON_CHECK(false);
  }
}

// ---- clients ----------------------------------------------------------------------------------------------------

classify::Features Cluster::features(const SimRequest& request, const GenerationSpec& spec) const {
  classify::Features out;
  out.prompt_tokens = request.prompt_tokens;
  out.max_tokens = spec.sampling.max_tokens;
  out.max_tokens_given = request.max_tokens > 0;
  out.tenant = request.tenant == 0 ? 0 : mix64(request.tenant);
  out.key = out.tenant;
  if (request.hash_count > 0) out.template_prefix = workload_.hashes[request.first_hash];
  if (options_.knows_lengths) {
    out.max_tokens_given = true;
    out.named_output = {request.output_tokens, request.output_tokens + 1};
  }
  return out;
}

void Cluster::arrive(std::size_t index) {
  if (index + 1 < workload_.requests.size()) {
    queue_.push(std::max(now_, workload_.requests[index + 1].arrival), kArrive, 0, index + 1);
  }
  const SimRequest& request = workload_.requests[index];
  auto spec = std::make_shared<GenerationSpec>();
  spec->tokens = prompt_of(workload_, index);
  spec->sampling.seed = index;  // tells output_tokens() which request it is
  spec->sampling.max_tokens = options_.knows_lengths ? request.output_tokens
                              : request.max_tokens > 0 ? request.max_tokens
                                                       : options_.default_max_tokens;
  schedule::Arrive arrival;
  arrival.request = RequestId{index + 1};
  arrival.deadline = time_point(now_ + options_.request_timeout);
  arrival.features = features(request, *spec);
  arrival.spec = std::move(spec);
  feed(arrival);
}

std::int32_t Cluster::output_tokens(const GenerationSpec& spec) const {
  return workload_.requests[spec.sampling.seed].output_tokens;
}

void Cluster::feed(const schedule::Event& event) {
  const TimePoint at = time_point(now_);
  const auto commands = coordinator_.handle(event, at);
  if (log_) log_->write(event, at, commands);
  for (const schedule::Command& command : commands) {
    std::visit([this](const auto& c) { obey(c); }, command);
  }
  result_.peak_queue = std::max(result_.peak_queue, coordinator_.stats().queued);
}

void Cluster::obey(const schedule::Deliver& c) {
  RequestOutcome& request = outcome(c.request);
  ++result_.events;
  if (c.token.index != request.tokens) violation("a token out of turn");
  if (request.end != RequestOutcome::End::none) violation("a token after the end");
  ++request.tokens;
  if (request.first < 0) {
    request.first = now_;
  } else if (options_.fidelity == Fidelity::batch) {
    result_.gaps[static_cast<std::size_t>(request.class_index)].add(now_ - request.last);
  }
  request.last = now_;
}

void Cluster::obey(const schedule::Finish& c) {
  RequestOutcome& request = outcome(c.request);
  request.cached = c.cached_tokens;
  request.kv_bytes = c.kv_bytes;
  request.attempts = c.attempts;
  const SimRequest& asked = workload_.requests[c.request.value - 1];
  const std::int32_t limit = asked.max_tokens > 0 ? asked.max_tokens : options_.default_max_tokens;
  if (request.tokens > std::min(asked.output_tokens, limit)) violation("an answer too long");
  end_request(c.request, RequestOutcome::End::finished);
}

void Cluster::obey(const schedule::Fail& c) {
  outcome(c.request).error = c.error.code;
  end_request(c.request, RequestOutcome::End::failed);
}

void Cluster::end_request(RequestId id, RequestOutcome::End how) {
  RequestOutcome& request = outcome(id);
  if (request.end != RequestOutcome::End::none) return violation("a request ended twice");
  request.end = how;
  request.ended = now_;
  --open_requests_;
}

void Cluster::violation(std::string what) {
  if (result_.violations.size() < kMaxViolations) result_.violations.push_back(std::move(what));
}

/// After the last request nobody may hold anything, once what is on the wires has arrived.
void Cluster::check_quiet() {
  closing_ = true;
  while (!queue_.empty()) {
    const Happening h = queue_.pop();
    now_ = h.at;
    const std::uint32_t kind = h.kind & 0xff;
    if (kind != kFault && kind != kBack) happen(h);
  }
  for (const RequestOutcome& request : result_.requests) {
    if (request.end == RequestOutcome::End::none) violation("a request never ended");
  }
  if (!handovers_.empty() || links_.open_flows() > 0) violation("a hand-over outlived its request");
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = nodes_[i];
    if (node.worker == nullptr) continue;
    if (node.worker->held() > 0) violation(options_.workers[i].info.name + " still holds attempts");
    if (node.worker->used_blocks() > 0) violation(options_.workers[i].info.name + " lost blocks");
    die(static_cast<std::uint32_t>(i), 0);
  }
  const schedule::CoordinatorStats& s = result_.coordinator;
  if (s.running != 0 || s.queued != 0) violation("the Coordinator counts requests that ended");
  if (s.arrived != s.finished + s.failed + s.abandoned) violation("the Coordinator lost requests");
}

}  // namespace baton::sim
