#include <algorithm>
#include <cmath>
#include <utility>

#include "core/check.h"
#include "sim/cluster.h"

namespace baton::sim {

// ---- router to workers ------------------------------------------------------------------------------------------

void Cluster::dispatch(WorkerId worker, Submit submit) {
  to_worker(worker, {.kind = ToWorker::Kind::submit, .submit = std::move(submit), .ticket = {}});
}

void Cluster::obey(const schedule::SendGrant& c) {
  to_worker(c.worker, {.kind = ToWorker::Kind::grant, .submit = {.attempt = c.attempt, .part = {}, .spec = nullptr},
                       .ticket = parse_ticket(c.ticket)});
}

void Cluster::obey(const schedule::SendCancel& c) {
  to_worker(c.worker, {.kind = ToWorker::Kind::cancel, .submit = {.attempt = c.attempt, .part = {}, .spec = nullptr}, .ticket = {}});
}

void Cluster::to_worker(WorkerId worker, ToWorker message) {
  message.incarnation = nodes_[worker.value].incarnation;
  if (free_worker_slots_.empty()) {
    free_worker_slots_.push_back(worker_slots_.size());
    worker_slots_.emplace_back();
  }
  const std::uint64_t slot = free_worker_slots_.back();
  free_worker_slots_.pop_back();
  worker_slots_[slot] = std::move(message);
  queue_.push(now_ + options_.wire_latency, kToWorker, worker.value, slot);
}

void Cluster::deliver_to_worker(std::uint32_t index, std::uint64_t slot) {
  const ToWorker message = std::move(worker_slots_[slot]);
  worker_slots_[slot] = {};
  free_worker_slots_.push_back(slot);
  Node& node = nodes_[index];
  if (node.worker == nullptr || node.incarnation != message.incarnation) return;
  switch (message.kind) {
    case ToWorker::Kind::submit: node.worker->submit(message.submit); break;
    case ToWorker::Kind::grant: node.worker->grant(message.submit.attempt, message.ticket); break;
    case ToWorker::Kind::cancel: node.worker->cancel(message.submit.attempt); break;
  }
  schedule_links();
  maybe_report(index);
  if (!node.timer) start_timer(index, options_.report_min);
}

// ---- workers to router ------------------------------------------------------------------------------------------

std::uint64_t Cluster::router_slot() {
  if (free_router_slots_.empty()) {
    free_router_slots_.push_back(router_slots_.size());
    router_slots_.emplace_back();
  }
  const std::uint64_t slot = free_router_slots_.back();
  free_router_slots_.pop_back();
  return slot;
}

void Cluster::to_router(std::uint32_t worker, std::uint64_t slot) {
  router_slots_[slot].incarnation = nodes_[worker].incarnation;
  queue_.push(now_ + options_.wire_latency, kToRouter, worker, slot);
}

void Cluster::send_ticket(std::uint32_t worker, AttemptId attempt, const Ticket& ticket) {
  const std::uint64_t slot = router_slot();
  router_slots_[slot].event = schedule::TicketIn{WorkerId{worker}, attempt, format_ticket(ticket)};
  to_router(worker, slot);
}

void Cluster::send_prefilled(std::uint32_t worker, AttemptId attempt, std::int32_t cached_tokens) {
  const std::uint64_t slot = router_slot();
  router_slots_[slot].event = schedule::PrefilledIn{WorkerId{worker}, attempt, cached_tokens};
  to_router(worker, slot);
}

void Cluster::send_handed(std::uint32_t worker, AttemptId attempt, double bytes, Nanos elapsed) {
  const std::uint64_t slot = router_slot();
  router_slots_[slot].event = schedule::HandedIn{WorkerId{worker}, attempt, static_cast<std::uint64_t>(bytes),
                                                 std::chrono::microseconds(elapsed / kMicrosecond)};
  to_router(worker, slot);
}

void Cluster::send_failed(std::uint32_t worker, AttemptId attempt, Error error) {
  const std::uint64_t slot = router_slot();
  router_slots_[slot].event = schedule::FailedIn{WorkerId{worker}, attempt, std::move(error)};
  to_router(worker, slot);
}

void Cluster::send_tokens(std::uint32_t worker, const std::vector<TokenOut>& tokens) {
  const std::uint64_t slot = router_slot();
  ToRouter& message = router_slots_[slot];
  message.tokens.assign(tokens.begin(), tokens.end());
  message.event = schedule::TokensIn{WorkerId{worker}, {}};
  to_router(worker, slot);
}

// ---- workers and their clocks -----------------------------------------------------------------------------------

void Cluster::wake_at(std::uint32_t worker, Nanos at, std::uint64_t data) {
  queue_.push(at, kind_of(kWake, worker), worker, data);
}

double Cluster::slowness(std::uint32_t worker) {
  Node& node = nodes_[worker];
  if (options_.step_noise <= 0) return node.slow;
  const double sigma = options_.step_noise;
  return node.slow * std::exp(sigma * node.noise.normal() - sigma * sigma / 2);
}

/// When a worker would report: on a change, but not too often, and now and then in any case.
void Cluster::maybe_report(std::uint32_t index) {
  Node& node = nodes_[index];
  if (closing_ || node.worker == nullptr) return;
  const Nanos since = now_ - node.last_report;
  if (node.last_report >= 0 && since < options_.report_min) return;
  const cluster::WorkerLoad load = node.worker->load();
  const bool changed = load.free_blocks != node.reported.free_blocks || load.running != node.reported.running ||
                       load.waiting != node.reported.waiting;
  if (node.last_report >= 0 && !changed && since < options_.report_max) return;
  node.reported = load;
  node.last_report = now_;
  const std::uint64_t slot = router_slot();
  schedule::LoadReport report{WorkerId{index}, load};
  report.load.samples = node.worker->take_samples(options_.samples_per_report);
  router_slots_[slot].event = std::move(report);
  to_router(index, slot);
}

/// Sees to a report in time although nothing happens. An idle worker whose load is known falls silent: it would only
/// repeat itself.
void Cluster::report_timer(std::uint32_t index) {
  Node& node = nodes_[index];
  node.timer = false;
  if (closing_) return;
  maybe_report(index);
  const bool busy = node.worker->held() > 0;
  if (!busy && node.worker->load().free_blocks == node.reported.free_blocks && node.reported.running == 0) return;
  start_timer(index, busy && options_.fidelity == Fidelity::batch ? options_.report_min : options_.report_max);
}

void Cluster::start_timer(std::uint32_t index, Nanos delay) {
  nodes_[index].timer = true;
  queue_.push(now_ + delay, kind_of(kReport, index), index, 0);
}

void Cluster::come_up(std::uint32_t index) {
  Node& node = nodes_[index];
  const WorkerSpec& spec = options_.workers[index];
  ++node.incarnation;
  node.up_since = now_;
  node.last_report = -1;
  node.reported = {};
  node.worker = options_.fidelity == Fidelity::batch ? make_batch_worker(index, spec, *this)
                                                     : make_fluid_worker(index, spec, *this);
  cluster::WorkerInfo info = spec.info;
  info.incarnation = node.incarnation;
  feed(schedule::WorkerUp{WorkerId{index}, std::move(info)});
  // Spread out, as workers do not start at one instant.
  start_timer(index, 1 + static_cast<Nanos>(mix64(index) % static_cast<std::uint64_t>(options_.report_min)));
}

void Cluster::die(std::uint32_t index, Nanos back_after) {
  Node& node = nodes_[index];
  if (node.worker == nullptr) return;
  const WorkerStats& stats = node.worker->stats();
  WorkerStats& sum = result_.workers[index];
  sum.busy += stats.busy;
  sum.prefill += stats.prefill;
  sum.steps += stats.steps;
  sum.prefill_tokens += stats.prefill_tokens;
  sum.decode_tokens += stats.decode_tokens;
  sum.cached_tokens += stats.cached_tokens;
  sum.preemptions += stats.preemptions;
  sum.peak_blocks = std::max(sum.peak_blocks, stats.peak_blocks);
  result_.alive[index] += std::min(now_, closing_ ? result_.end : now_) - node.up_since;
  node.worker.reset();
  ++node.incarnation;
  if (closing_) return;
  std::vector<AttemptId> gone;
  for (const auto& [attempt, handover] : handovers_) {
    if (handover.from == index || handover.to == index) gone.push_back(attempt);
  }
  std::ranges::sort(gone);
  for (const AttemptId attempt : gone) {
    Handover& handover = handovers_.at(attempt);
    if (handover.from == index) {
      drop_handover(attempt);
    } else {
      handover.error = {Errc::worker_lost, "the decode worker is gone"};
      if (std::exchange(handover.open_flow, false)) {
        flow_owner_.erase(handover.flow);
        links_.close(handover.flow, now_);
      }
      queue_.push(now_ + options_.detection, kDelivered, handover.from, attempt.value);
    }
  }
  schedule_links();
  // That the connection broke is known a little later; what was on the wire is lost.
  const std::uint64_t slot = router_slot();
  router_slots_[slot].event = schedule::WorkerDown{WorkerId{index}};
  router_slots_[slot].incarnation = node.incarnation;
  queue_.push(now_ + options_.detection, kToRouter, index, slot);
  if (back_after > 0) queue_.push(now_ + std::max(back_after, 2 * options_.detection), kBack, index, 0);
}

void Cluster::fault(Fault f) {  // by value: new faults are added to the list it comes from
  Node& node = nodes_[f.worker];
  switch (f.kind) {
    case Fault::Kind::kill: return die(f.worker, f.duration);
    case Fault::Kind::spot: {
      if (node.worker == nullptr) return;
      feed(schedule::WorkerDraining{WorkerId{f.worker}});
      options_.faults.push_back({.kind = Fault::Kind::kill, .worker = f.worker, .at = now_ + f.notice, .duration = f.duration});
      queue_.push(now_ + f.notice, kFault, 0, options_.faults.size() - 1);
      return;
    }
    case Fault::Kind::slow: node.slow = f.factor; break;
    case Fault::Kind::link:
      links_.degrade(f.worker, f.factor, now_);
      schedule_links();
      break;
  }
  if (f.duration > 0) {
    options_.faults.push_back({.kind = f.kind, .worker = f.worker, .at = now_ + f.duration, .factor = 1});
    queue_.push(now_ + f.duration, kFault, 0, options_.faults.size() - 1);
  }
}

std::vector<Fault> spot_losses(const std::vector<WorkerSpec>& workers, double per_hour, Nanos horizon, std::uint64_t seed) {
  constexpr std::uint64_t kPurpose = 0x73706f74ULL;
  constexpr double kAway_s = 600;  // until another instance has taken its place
  std::vector<Fault> faults;
  for (std::uint32_t i = 0; i < workers.size(); ++i) {
    if (!workers[i].spot || per_hour <= 0) continue;
    Random random(seed, hash_combine(kPurpose, i));
    for (Nanos at = nanos(random.exponential(3600 / per_hour)); at < horizon;
         at += nanos(kAway_s + random.exponential(3600 / per_hour))) {
      faults.push_back({.kind = Fault::Kind::spot, .worker = i, .at = at, .duration = nanos(kAway_s), .notice = 120 * kSecond});
    }
  }
  return faults;
}

// ---- KV between workers -----------------------------------------------------------------------------------------

/// What the link table says of two workers' places; the router assumes the same.
double Cluster::path_bytes_per_s(std::uint32_t from, std::uint32_t to) const {
  const SchedulingConfig& scheduling = options_.coordinator.scheduling;
  const cluster::WorkerInfo& a = options_.workers[from].info;
  const cluster::WorkerInfo& b = options_.workers[to].info;
  constexpr double kBytesPerGigabit = 1e9 / 8;
  if (!a.host_id.empty() && a.host_id == b.host_id) return scheduling.host_link_gbps * kBytesPerGigabit;
  if (!a.zone.empty() && !b.zone.empty() && a.zone != b.zone) return scheduling.remote_link_gbps * kBytesPerGigabit;
  const bool same_rack = !a.rack.empty() && a.rack == b.rack;
  return (same_rack ? scheduling.rack_link_gbps : scheduling.zone_link_gbps) * kBytesPerGigabit;
}

void Cluster::begin_push(std::uint32_t worker, AttemptId attempt, std::uint32_t to) {
  Handover handover{.from = worker, .to = to, .to_incarnation = nodes_[to].incarnation, .since = now_, .error = {}};
  handover.flow = links_.open(worker, to, path_bytes_per_s(worker, to));
  flow_owner_[handover.flow] = attempt;
  handovers_.emplace(attempt, std::move(handover));
}

void Cluster::push(std::uint32_t /*worker*/, AttemptId attempt, double bytes) {
  const auto found = handovers_.find(attempt);
  if (found == handovers_.end() || !found->second.open_flow || bytes <= 0) return;
  found->second.bytes += bytes;
  found->second.resting = false;
  links_.feed(found->second.flow, bytes, now_);
}

void Cluster::finish_push(std::uint32_t /*worker*/, AttemptId attempt, TokenId /*first*/) {
  const auto found = handovers_.find(attempt);
  if (found == handovers_.end()) return;
  found->second.finishing = true;
  if (found->second.resting && found->second.open_flow) handover_done(attempt, found->second);
}

void Cluster::abort_push(std::uint32_t /*worker*/, AttemptId attempt) { drop_handover(attempt); }

void Cluster::flow_rests(FlowId flow) {
  const auto owner = flow_owner_.find(flow);
  if (owner == flow_owner_.end()) return;
  Handover& handover = handovers_.at(owner->second);
  handover.resting = true;
  if (handover.finishing) handover_done(owner->second, handover);
}

/// All bytes are there: COMMIT crosses to the decode worker, its answer comes back.
void Cluster::handover_done(AttemptId attempt, Handover& handover) {
  handover.open_flow = false;
  flow_owner_.erase(handover.flow);
  links_.close(handover.flow, now_);
  queue_.push(now_ + options_.wire_latency, kCommit, handover.to, attempt.value);
}

void Cluster::commit(AttemptId attempt) {
  const auto found = handovers_.find(attempt);
  if (found == handovers_.end()) return;
  Handover& handover = found->second;
  Node& to = nodes_[handover.to];
  if (to.worker == nullptr || to.incarnation != handover.to_incarnation) return;  // die() tells the sender
  if (!to.worker->committed(attempt, 1)) handover.error = {Errc::transfer_failed, "the decode worker no longer wants it"};
  queue_.push(now_ + options_.wire_latency, kDelivered, handover.from, attempt.value);
  schedule_links();
  maybe_report(found->second.to);
}

void Cluster::delivered(AttemptId attempt) {
  const auto found = handovers_.find(attempt);
  if (found == handovers_.end()) return;
  const Handover handover = std::move(found->second);
  handovers_.erase(found);
  Node& from = nodes_[handover.from];
  if (from.worker == nullptr) return;
  const Error* error = handover.error.message.empty() ? nullptr : &handover.error;
  from.worker->delivered(attempt, handover.bytes, now_ - handover.since, error);
  schedule_links();
  maybe_report(handover.from);
}

void Cluster::drop_handover(AttemptId attempt) {
  const auto found = handovers_.find(attempt);
  if (found == handovers_.end()) return;
  if (found->second.open_flow) {
    flow_owner_.erase(found->second.flow);
    links_.close(found->second.flow, now_);
  }
  handovers_.erase(found);
}

void Cluster::schedule_links() {
  for (const Links::Due& due : links_.changed()) {
    queue_.push(due.at, kLink, 0, std::uint64_t{due.version} << 32 | due.flow);
  }
  links_.clear_changed();
}

}  // namespace baton::sim
