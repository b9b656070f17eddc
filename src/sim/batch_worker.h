#pragma once

#include <optional>
#include <unordered_map>
#include <tuple>
#include <utility>

#include "kv/block_pool.h"
#include "perf/chunk_pacer.h"
#include "sim/worker.h"

namespace baton::sim {

/// A worker that plans every step as the engine does (src/engine/batching_plan.cc, whose rules it repeats): one row for
/// each sequence that decodes, the rest of the step's rows for prompts, by rank, in chunks, which shrink for those that
/// decode with an objective; admission with
/// blocks for the whole prompt and one for each running sequence; when blocks run out the latest arrived is preempted
/// and computed again; a real block pool with a real prefix cache. What is left out: logits. A step takes
/// perf::step_s of the true replica.
///
/// Commands that arrive during a step are obeyed at its end, as in the worker's engine thread.
class BatchWorker final : public Worker {
 public:
  BatchWorker(std::uint32_t index, const WorkerSpec& spec, WorkerPort& port);

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
  std::int32_t used_blocks() const override { return pool_.total() - pool_.available(); }

 private:
  enum class Phase : std::uint8_t { waiting, ready, running, held, reserved };
  struct Sequence {
    AttemptId attempt;
    Part part = Part::whole;
    Phase phase = Phase::waiting;
    std::shared_ptr<const GenerationSpec> spec;
    std::uint64_t order = 0;
    std::int32_t given = 0;      ///< tokens of the spec
    std::int32_t size = 0;       ///< with those generated here
    std::int32_t computed = 0;
    std::int32_t rows = 0;
    std::int32_t output = 0;     ///< index of the last token + 1
    std::int32_t cached = -1;
    double itl_slo_s = 0;        ///< 0: none
    std::int32_t work = 0;       ///< tokens to prefill when it arrived, or when it got its blocks: less what is cached
    std::int64_t arrival = 0;    ///< count of prefilled tokens when it arrived
    bool prefilled = false;
    bool finishing = false;      ///< all its KV was handed to the link
    std::int32_t pushed = 0;     ///< tokens whose KV was handed to the link
    std::optional<Ticket> ticket;
    kv::BlockLease lease;
    kv::PrefixCursor published;

    std::int32_t remaining() const { return size - computed; }
    /// As engine::Sequence::rank: by whole work, those that let four times theirs go by first.
    std::tuple<bool, std::int64_t, std::uint64_t> rank(std::int64_t done) const {
      const bool is_overdue = done - arrival > 4 * std::int64_t{work};
      return {!is_overdue, is_overdue ? arrival : std::int64_t{work}, order};
    }
  };

  // Commands kept until the end of the step.
  struct Command {
    enum class Kind : std::uint8_t { submit, grant, cancel } kind = Kind::submit;
    AttemptId attempt;
    Part part = Part::whole;
    std::shared_ptr<const GenerationSpec> spec;
    Ticket ticket;
    double itl_slo_s = 0;
  };
  void command(Command command);
  void obey(Command& command);
  void start(Command& command);
  void reserve(Command& command);
  void begin_push(Sequence& sequence);
  void finish_push(Sequence& sequence);
  void erase(Sequence& sequence);
  void leave_queue(Sequence& sequence);
  Sequence* find(AttemptId attempt);

  void step();
  void plan_decodes();
  void plan_prefills();
  std::int32_t prefill_budget() const;
  bool grow(Sequence& sequence);
  bool admit(Sequence& sequence);
  void preempt(Sequence& sequence);
  void plan_rows(Sequence& sequence, std::int32_t rows);
  void enter_batch(Sequence& sequence);
  perf::StepRows rows() const;
  void start_pushes();
  void end_step();
  void advance(Sequence& sequence);
  void sample(Sequence& sequence);
  std::int32_t blocks_for(std::int32_t tokens) const { return (tokens + block_tokens_ - 1) / block_tokens_; }

  std::uint32_t index_;
  WorkerPort& port_;
  perf::Replica truth_;
  double kv_token_bytes_;
  std::int32_t block_tokens_, chunk_, max_batch_, max_context_;
  kv::BlockPool pool_;
  perf::ChunkPacer pacer_;
  std::unordered_map<AttemptId, std::unique_ptr<Sequence>> sequences_;  // their leases end before the pool does
  std::vector<Sequence*> waiting_, ready_, running_;
  std::vector<Sequence*> planned_, candidates_;
  std::vector<TokenOut> frame_;
  std::vector<Command> inbox_;
  bool stepping_ = false;
  std::uint64_t next_order_ = 0;
  std::int32_t reserved_ = 0;
  std::vector<perf::StepSample> samples_;  ///< of late, a few
  WorkerStats stats_;
};

}  // namespace baton::sim
