#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/engine.h"
#include "engine/sampler.h"
#include "engine/sequence.h"
#include "engine/step_rows.h"
#include "kv/block_pool.h"
#include "perf/chunk_pacer.h"

namespace baton::engine {

/// The Engine. batching_engine.cc: the life of sequences between steps; batching_plan.cc: who gets rows in a step;
/// batching_step.cc: running it and what follows from the logits.
///
/// Blocks: a sequence is admitted with blocks for all its tokens, then grows block by block. When none is left, the
/// latest arrived sequence of the batch gives its blocks up and waits to be recomputed; the first arrived is never the
/// victim of another, so every step brings at least one sequence forward.
class BatchingEngine final : public Engine {
 public:
  BatchingEngine(EngineOptions options, ModelRunner& runner);

  Result<SequenceId> generate(GenerationSpec spec, Objective objective) override;
  Result<SequenceId> prefill(GenerationSpec spec) override;
  std::span<const BlockId> blocks(SequenceId id) const override;
  void set_layer_hook(std::function<void(const LayerDone&)> hook) override { layer_hook_ = std::move(hook); }
  Result<Reservation> reserve(GenerationSpec spec, Objective objective) override;
  void commit(SequenceId id, const TokenOut& first) override;
  void drop(SequenceId id) override;
  void drained(SequenceId id) override;
  void release(SequenceId id) override;
  bool has_work() const override;
  std::span<const EngineEvent> step() override;
  void observe_step(double seconds) override { pacer_.observe(last_rows(), seconds); }
  EngineLoad load() const override;
  perf::StepRows last_rows() const override { return step_rows(rows_); }
  kv::CacheChanges take_cache_changes() override { return pool_.take_cache_changes(); }
  std::vector<kv::PrefixHash> cached_prefixes(std::size_t most) const override {
    return pool_.published_prefixes(most);
  }
  const ModelInfo& model() const override { return model_; }

 private:
  // Between steps.
  Result<void> check(const GenerationSpec& spec) const;
  Result<SequenceId> enqueue(GenerationSpec spec, SequenceKind kind, Objective objective);
  Result<std::optional<grammar::Matcher>> match_output(const GenerationSpec& spec) const;
  Sequence& add(GenerationSpec spec, SequenceKind kind, Objective objective);
  Sequence* find(SequenceId id);
  void forget(Sequence& sequence);
  void leave_queue(Sequence& sequence);
  void changed();

  // Planning a step.
  void plan();
  void promote_ready();
  void plan_decodes();
  void plan_prefills();
  std::int32_t prefill_budget() const;
  bool admit(Sequence& sequence);
  bool grow(Sequence& sequence);
  Sequence& latest_arrived();
  void preempt(Sequence& sequence);
  void enter_batch(Sequence& sequence);
  std::int32_t most_rows(const Sequence& sequence) const;
  std::int32_t wanted_logits(const Sequence& sequence, std::int32_t rows) const;
  void plan_rows(Sequence& sequence, std::int32_t rows);
  std::int32_t blocks_for(std::int32_t tokens) const;
  std::int32_t owed_blocks() const;
  std::int32_t most_blocks(const Sequence& sequence) const;
  bool fits_pool(std::int32_t tokens) const { return blocks_for(tokens) <= pool_.total(); }
  Error never_fits(std::int32_t tokens) const;

  // Running it.
  Result<std::span<const float>> run();
  void layer_done(std::int32_t layer);
  void advance(Sequence& sequence);
  void publish(Sequence& sequence);
  void report_prompt(Sequence& sequence, std::int32_t start, std::span<const float> logits);
  void sample(Sequence& sequence, std::span<const float> logits);
  FinishReason finish_of(const Sequence& sequence, const TokenOut& token) const;
  void end_step(Sequence& sequence, FinishReason finish);
  void fail_sequence(Sequence& sequence, Error error);

  EngineOptions options_;
  ModelRunner& runner_;
  ModelInfo model_;
  std::int32_t batch_limit_;  // sequences; leaves prefill at least one row of a step
  kv::BlockPool pool_;
  Sampler sampler_;
  perf::ChunkPacer pacer_;
  std::function<void(const LayerDone&)> layer_hook_;
  std::function<void(std::int32_t)> on_layer_;

  std::unordered_map<SequenceId, std::unique_ptr<Sequence>> sequences_;  // all of them
  std::vector<Sequence*> waiting_, ready_, running_;                     // running_: in order of arrival
  std::uint64_t last_id_ = 0;
  std::int32_t reserved_ = 0;
  bool stalled_ = false;  // the last step could do nothing, and nothing has changed since
  bool stepping_ = false;

  // One step's work; the capacity stays.
  std::vector<Sequence*> planned_, candidates_;
  std::vector<SequenceRows> rows_;
  std::vector<std::uint64_t> allowed_;  // what a constraint allows, a bit for each token
  std::vector<EngineEvent> events_;
  std::vector<FailedEvent> late_failures_;  // found between steps

  std::uint64_t steps_ = 0, prefill_tokens_ = 0, decode_tokens_ = 0, prefix_hit_tokens_ = 0, preemptions_ = 0;
};

}  // namespace baton::engine
