#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>

#include "sim/event_queue.h"
#include "sim/links.h"
#include "sim/random.h"
#include "sim/simulation.h"

namespace baton::sim {

/// What simulate() hides: clients, a Coordinator, workers and the wires between them, on one clock.
class Cluster final : public WorkerPort {
 public:
  Cluster(const SimOptions& options, const Workload& workload);
  SimResult run();

  Nanos now() const override { return now_; }
  void wake_at(std::uint32_t worker, Nanos at, std::uint64_t data) override;
  std::int32_t output_tokens(const GenerationSpec& spec) const override;
  double slowness(std::uint32_t worker) override;
  void send_ticket(std::uint32_t worker, AttemptId attempt, const Ticket& ticket) override;
  void send_prefilled(std::uint32_t worker, AttemptId attempt, std::int32_t cached_tokens) override;
  void send_handed(std::uint32_t worker, AttemptId attempt, double bytes, Nanos elapsed) override;
  void send_failed(std::uint32_t worker, AttemptId attempt, Error error) override;
  void send_tokens(std::uint32_t worker, const std::vector<TokenOut>& tokens) override;
  void begin_push(std::uint32_t worker, AttemptId attempt, std::uint32_t to) override;
  void push(std::uint32_t worker, AttemptId attempt, double bytes) override;
  void finish_push(std::uint32_t worker, AttemptId attempt, TokenId first) override;
  void abort_push(std::uint32_t worker, AttemptId attempt) override;

 private:
  enum Kind : std::uint32_t { kArrive, kToWorker, kToRouter, kWake, kLink, kCommit, kDelivered, kReport, kFault, kBack };

  struct Node {
    std::unique_ptr<Worker> worker;  ///< null while dead
    std::uint32_t incarnation = 0;
    double slow = 1;
    Random noise;
    Nanos up_since = 0, last_report = -1;
    bool timer = false;  ///< a kReport is on its way
    cluster::WorkerLoad reported;
    std::vector<AttemptId> pushes;  ///< out of here
  };
  struct ToWorker {
    enum class Kind : std::uint8_t { submit, grant, cancel } kind = Kind::submit;
    std::uint32_t incarnation = 0;
    Submit submit;
    Ticket ticket;
  };
  /// One message to the router; `event` borrows `tokens`.
  struct ToRouter {
    std::uint32_t incarnation = 0;
    schedule::Event event;
    std::vector<TokenOut> tokens;
  };
  struct Handover {
    std::uint32_t from = 0, to = 0, to_incarnation = 0;
    FlowId flow = 0;
    bool open_flow = true, resting = true, finishing = false;
    double bytes = 0;
    Nanos since = 0;
    Error error;  ///< why it failed, for delivered()
  };

  void happen(const Happening& h);
  void arrive(std::size_t index);
  void feed(const schedule::Event& event);
  void obey(const schedule::SendGenerate& c) { dispatch(c.worker, {c.attempt, Part::whole, c.spec, c.itl_slo_ms * 1e-3}); }
  void obey(const schedule::SendPrefill& c) { dispatch(c.worker, {.attempt = c.attempt, .part = Part::prefill, .spec = c.spec}); }
  void obey(const schedule::SendReserve& c) { dispatch(c.worker, {c.attempt, Part::decode, c.spec, c.itl_slo_ms * 1e-3}); }
  void obey(const schedule::SendGrant& c);
  void obey(const schedule::SendCancel& c);
  void obey(const schedule::Deliver& c);
  void obey(const schedule::Finish& c);
  void obey(const schedule::Fail& c);
  void obey(const auto& /*other*/) {}
  void dispatch(WorkerId worker, Submit submit);
  void to_worker(WorkerId worker, ToWorker message);
  void deliver_to_worker(std::uint32_t worker, std::uint64_t slot);
  std::uint64_t router_slot();
  void to_router(std::uint32_t worker, std::uint64_t slot);
  double path_bytes_per_s(std::uint32_t from, std::uint32_t to) const;
  void schedule_links();
  void flow_rests(FlowId flow);
  void handover_done(AttemptId attempt, Handover& handover);
  void commit(AttemptId attempt);
  void delivered(AttemptId attempt);
  void drop_handover(AttemptId attempt);
  void maybe_report(std::uint32_t worker);
  void report_timer(std::uint32_t worker);
  void start_timer(std::uint32_t worker, Nanos delay);
  void come_up(std::uint32_t worker);
  void die(std::uint32_t worker, Nanos back_after);
  void fault(Fault f);
  void end_request(RequestId id, RequestOutcome::End how);
  void violation(std::string what);
  void check_quiet();
  classify::Features features(const SimRequest& request, const GenerationSpec& spec) const;
  void judge_classes();
  RequestOutcome& outcome(RequestId id) { return result_.requests[id.value - 1]; }
  std::uint32_t kind_of(std::uint32_t kind, std::uint32_t worker) const { return kind | nodes_[worker].incarnation << 8; }

  SimOptions options_;
  const Workload& workload_;
  schedule::Coordinator coordinator_;
  std::optional<schedule::EventWriter> log_;
  EventQueue queue_;
  Links links_;
  Nanos now_ = 0;
  std::vector<Node> nodes_;
  std::vector<ToWorker> worker_slots_;
  std::deque<ToRouter> router_slots_;  // addresses stay
  std::vector<std::uint64_t> free_worker_slots_, free_router_slots_;
  std::unordered_map<AttemptId, Handover> handovers_;
  std::unordered_map<FlowId, AttemptId> flow_owner_;
  std::size_t open_requests_ = 0;
  bool closing_ = false;
  SimResult result_;
};

}  // namespace baton::sim
