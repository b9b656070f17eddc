#pragma once

#include <memory>

#include "worker/worker.h"

namespace baton::worker {

/// What Worker::create needs for a worker with `engine: simulated`.
struct SimulatedParts {
  WorkerOptions options;
  std::unique_ptr<engine::ModelRunner> runner;
};

/// The worker `self` of `config` as the cost model sees it: its GPUs' time, the KV room beside the weights (or what
/// kv_cache_gib says), prices. Reads config.json and tokenizer.json where the model's directory has them, no weights.
/// Errors (config): a model of unknown shape or too large for the GPUs, and those of replica_of.
Result<SimulatedParts> simulated_worker(const Config& config, const WorkerConfig& self);

}  // namespace baton::worker
