#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "baton/error.h"
#include "baton/kv_layout.h"
#include "baton/types.h"
#include "engine/runner.h"
#include "grammar/grammar.h"
#include "kv/cache_log.h"
#include "perf/replica.h"

namespace baton::engine {

struct EngineOptions {
  std::int32_t max_batch = 64;            ///< sequences in one step; no more than chunk_tokens are used
  std::int32_t chunk_tokens = 512;        ///< most rows of one step, decode rows included
  std::int32_t block_tokens = 16;
  std::int32_t blocks = 0;
  std::int32_t max_waiting = 1024;        ///< beyond: queue_full
  bool prefix_cache = true;
  std::shared_ptr<grammar::Compiler> grammars;  ///< null: specs with a constraint are refused
};

/// What a sequence's decoding was promised.
struct Objective {
  double itl_s = 0;  ///< between two of its tokens; 0: nothing
};

/// Handle of a sequence inside one engine; never reused.
using SequenceId = StrongId<struct SequenceTag>;

// What a step reports, in order.
struct TokenEvent {
  SequenceId sequence;
  TokenOut token;  ///< `attempt` is left for the owner to fill in
};
/// Logprobs of the next prompt tokens, as spec.sampling.prompt_logprobs asks. In order, the last before PrefilledEvent.
struct PromptLogprobsEvent {
  SequenceId sequence;
  PromptLogprobs logprobs;  ///< `attempt` is left for the owner to fill in
};
/// The whole prompt (all `spec.tokens`) is in the KV cache.
struct PrefilledEvent {
  SequenceId sequence;
  std::int32_t cached_tokens = 0;  ///< of them found in the prefix cache
};
/// Ended without more tokens (out of blocks for good, model error). Its blocks are released.
struct FailedEvent {
  SequenceId sequence;
  Error error;
};
using EngineEvent = std::variant<TokenEvent, PromptLogprobsEvent, PrefilledEvent, FailedEvent>;

/// What a prefill-only sequence's owner needs to push KV while the step runs: called on the engine thread after each
/// layer for every prefill-only sequence with rows in this step.
struct LayerDone {
  SequenceId sequence;
  std::int32_t layer = 0;
  std::int32_t upto_token = 0;  ///< KV of tokens [0, upto_token) is complete for this layer
};

/// Where a decode-side sequence's KV will be written.
struct Reservation {
  SequenceId sequence;
  std::vector<BlockId> blocks;   ///< for tokens [first_token, prompt)
  std::int32_t first_token = 0;  ///< KV of [0, first_token) is already here (prefix cache)
};

/// `free_blocks` hold nothing, `cached_blocks` hold KV nobody uses: a new sequence may take either.
struct EngineLoad {
  std::int32_t total_blocks = 0, free_blocks = 0, cached_blocks = 0, running = 0, waiting = 0, reserved = 0;
  std::int32_t draining_blocks = 0;
  std::int64_t waiting_prefill_tokens = 0;
  std::uint64_t steps = 0, prefill_tokens = 0, decode_tokens = 0, prefix_hit_tokens = 0, preemptions = 0;
};

/// Continuous batching over a ModelRunner: paged KV, chunked prefill, prefix cache, preemption by recompute, sampling.
/// Single-threaded: every method is called by the thread that calls step().
class Engine {
 public:
  /// `runner` and the memory behind `pool` outlive the engine. Calls runner.attach(pool).
  static Result<std::unique_ptr<Engine>> create(EngineOptions options, ModelRunner& runner, KvPoolView pool);
  virtual ~Engine() = default;

  /// Prefill and decode here. Errors: context_length_exceeded, queue_full, out_of_blocks (can never fit).
  virtual Result<SequenceId> generate(GenerationSpec spec, Objective objective = {}) = 0;

  /// Prefill only: emits PrefilledEvent and the first TokenEvent, then holds the blocks until release(). If that token
  /// has a finish reason the sequence is complete all the same.
  virtual Result<SequenceId> prefill(GenerationSpec spec) = 0;
  /// Block table of a live sequence (covers its KV so far). prefill(): all prompt blocks are allocated at admission.
  virtual std::span<const BlockId> blocks(SequenceId id) const = 0;
  /// The hook may look at the engine but not change it.
  virtual void set_layer_hook(std::function<void(const LayerDone&)> hook) = 0;

  /// Decode side: takes blocks for spec.tokens now, or out_of_blocks / queue_full. Blocks are in state GRANTED until
  /// commit() or drop().
  virtual Result<Reservation> reserve(GenerationSpec spec, Objective objective = {}) = 0;
  /// KV of all spec.tokens is in place and `first` is the next token: joins the batch at the next step. Emits a TokenEvent for
  /// every later token. `first` is not reported again.
  virtual void commit(SequenceId id, const TokenOut& first) = 0;
  /// Reservation whose writer may still write: the sequence is gone at once, its blocks stay out of use until drained().
  virtual void drop(SequenceId id) = 0;
  virtual void drained(SequenceId id) = 0;

  /// Ends a sequence of any kind (except a reservation: drop()); its full blocks go to the prefix cache. Idempotent.
  virtual void release(SequenceId id) = 0;

  /// True when step() would do something.
  virtual bool has_work() const = 0;
  /// One model step. The events are valid until the next call.
  virtual std::span<const EngineEvent> step() = 0;

  /// How long the last step() took. From this the engine learns how many prompt rows fit a step beside sequences with
  /// an objective; an engine that is never told always takes chunk_tokens.
  virtual void observe_step(double seconds) = 0;

  virtual EngineLoad load() const = 0;
  /// Rows of the last step(), for the cost model; none if it had nothing to run.
  virtual perf::StepRows last_rows() const = 0;
  /// Changes of the prefix cache since the last call.
  virtual kv::CacheChanges take_cache_changes() = 0;
  /// Prefixes in the cache now, at most `most` of them.
  virtual std::vector<kv::PrefixHash> cached_prefixes(std::size_t most) const = 0;
  virtual const ModelInfo& model() const = 0;
};

}  // namespace baton::engine
