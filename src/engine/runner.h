#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "baton/error.h"
#include "baton/kv_layout.h"
#include "baton/types.h"

namespace baton::engine {

/// One sequence's rows in a step. The rows are positions [start, start + tokens.size()); KV of [0, start) is there.
struct SequenceRows {
  std::span<const TokenId> tokens;
  std::int32_t start = 0;
  std::span<const BlockId> blocks;  ///< block table; covers start + tokens.size() tokens
  std::int32_t want_logits = 0;     ///< of the last so many rows
};

/// What the engine must know of a model.
struct ModelInfo {
  std::int32_t vocab = 0;
  std::int32_t max_context = 0;  ///< tokens
  std::vector<TokenId> eos_tokens;
};

/// Runs the model over one step's rows: writes their K and V into the pool, returns logits.
///
/// Row invariance: the result of a row depends only on that row's token, its position and the KV of its sequence, bit
/// for bit, never on the number of rows, on chunking or on other sequences. Everything above relies on it: split =
/// local, replay = first run, batched = alone.
class ModelRunner {
 public:
  virtual ~ModelRunner() = default;
  virtual const ModelInfo& info() const = 0;
  /// Geometry of the KV pool this model needs; `blocks` is 0, the caller chooses it.
  virtual KvLayout kv_layout(std::int32_t block_tokens) const = 0;
  /// Must be called once before step().
  virtual void attach(KvPoolView pool) = 0;
  /// `layer_done(l)`, if set, is called on this thread after layer l's KV of all rows is in the pool, in order.
  /// Returns [sum of want_logits][vocab] float32, in order of `sequences` and of rows; valid until the next call.
  virtual Result<std::span<const float>> step(std::span<const SequenceRows> sequences,
                                              const std::function<void(std::int32_t)>& layer_done) = 0;
};

}  // namespace baton::engine
