#pragma once

#include <optional>
#include <set>
#include <unordered_map>

#include "sim/worker.h"

namespace baton::sim {

/// A worker as a shared processor, for clusters too large to step: between two changes (a request comes, a prompt is
/// done, an answer ends) all its steps are alike, so it works out when the next change is due instead of taking them.
/// The most urgent prompt gets the rows of a step that decoding leaves; every decoding sequence gets one token a step.
///
/// Against BatchWorker it leaves out the prefix cache, preemption (a pool that overflows is overcommitted) and the
/// instants of single tokens: an answer's tokens after the first come in one frame at its end.
class FluidWorker final : public Worker {
 public:
  FluidWorker(std::uint32_t index, const WorkerSpec& spec, WorkerPort& port);

  void submit(const Submit& submit) override;
  void grant(AttemptId attempt, const Ticket& ticket) override;
  void cancel(AttemptId attempt) override;
  bool committed(AttemptId attempt, TokenId first) override;
  void delivered(AttemptId attempt, double bytes, Nanos elapsed, const Error* error) override;
  void wake(std::uint64_t data) override;

  cluster::WorkerLoad load() const override;
  std::vector<perf::StepSample> take_samples(std::size_t most) override;
  const WorkerStats& stats() const override { return stats_; }
  std::size_t held() const override { return sequences_.size(); }
  std::int32_t used_blocks() const override;

 private:
  enum class Phase : std::uint8_t { waiting, prefilling, ready, decoding, held, reserved };
  struct Sequence {
    AttemptId attempt;
    Part part = Part::whole;
    Phase phase = Phase::waiting;
    std::shared_ptr<const GenerationSpec> spec;
    std::int32_t given = 0;
    std::int32_t end = 0;      ///< index after the last token of the request
    std::int32_t blocks = 0;
    double left = 0;           ///< prompt tokens to compute
    double finish = 0;         ///< value of produced_ at which it has all its tokens
    double joined = 0;         ///< value of produced_ when it joined
    std::int64_t urgency = 0;
    std::optional<Ticket> ticket;
    bool pushing = false, finishing = false;
    std::int32_t first_index() const { return spec->generated; }
  };

  void advance();
  void settle();
  void reschedule();
  void start_prefill();
  void prefill_done(Sequence& sequence);
  void join(Sequence& sequence);
  void finish(Sequence& sequence);
  void push_begun(Sequence& sequence);
  void finish_push(Sequence& sequence);
  void erase(Sequence& sequence);
  TokenOut token(const Sequence& sequence, std::int32_t index) const;
  perf::StepRows rows() const;
  double growth() const;
  std::int32_t free_blocks() const { return total_blocks_ - used_blocks(); }
  std::int32_t blocks_for(std::int32_t tokens) const { return (tokens + block_tokens_ - 1) / block_tokens_; }

  std::uint32_t index_;
  WorkerPort& port_;
  perf::Replica truth_;
  double kv_token_bytes_;
  std::int32_t block_tokens_, total_blocks_, chunk_, max_batch_, max_context_;
  std::unordered_map<AttemptId, Sequence> sequences_;
  std::set<std::pair<std::int64_t, std::uint64_t>> waiting_;  ///< urgency, attempt
  std::vector<std::uint64_t> ready_;
  std::set<std::pair<double, std::uint64_t>> decoding_;       ///< finish, attempt
  Sequence* prefilling_ = nullptr;
  double produced_ = 0;      ///< tokens every decoding sequence has made since the start: they advance together
  double context_ = 0;       ///< sum of the contexts of decoding_ at produced_ == 0
  double joined_ = 0;        ///< sum of `joined` of decoding_
  double step_s_ = 0;        ///< of the steps since since_; 0: idle
  double rows_ = 0;          ///< prompt rows of each
  double prefill_share_ = 0;
  Nanos since_ = 0;
  std::int64_t waiting_tokens_ = 0;
  std::int32_t blocks_ = 0;
  std::uint64_t schedule_ = 0;  ///< wakes of older schedules mean nothing
  WorkerStats stats_;
};

}  // namespace baton::sim
