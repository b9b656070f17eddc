#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "baton/attention.h"
#include "baton/kv_layout.h"
#include "engine/graph_weights.h"
#include "engine/rope.h"
#include "engine/runner.h"
#include "kernels/cpu/ops.h"

namespace baton::engine {

/// The forward pass of a llama-family decoder on the CPU. Workspaces grow to the largest step and stay. One caller at
/// a time. Every operation works on rows independently, which is what makes ModelRunner's row invariance hold.
class Graph {
 public:
  /// `device` outlives the graph.
  Graph(model::ModelDescription description, GraphWeights weights, kernels::CpuDevice& device);

  /// As ModelRunner::step; the input is valid (tokens in the vocabulary, block tables long enough).
  std::span<const float> step(KvPoolView pool, std::span<const SequenceRows> sequences,
                              const std::function<void(std::int32_t)>& layer_done);

 private:
  /// Where a row's K and V go, and the row's angles.
  struct RowPlace {
    std::int32_t position;
    BlockId block;
    std::int32_t slot;
  };

  void place_rows(KvPoolView pool, std::span<const SequenceRows> sequences);
  void embed(std::span<const SequenceRows> sequences);
  void project_and_store_kv(KvPoolView pool, std::int32_t layer);
  void attend(KvPoolView pool, std::int32_t layer, std::span<const AttentionSequence> sequences);
  /// Keeps the wanted rows only, moved to the front.
  void keep_last_rows();
  void finish_layer(const GraphLayer& layer);
  std::span<const float> logits();

  std::byte* element_row(const kernels::Buffer& buffer, std::int64_t index, std::int64_t width) const {
    return buffer.data() + static_cast<std::size_t>(index * width) * element_bytes_;
  }
  /// normed_ = weight · hidden_ / rms, row by row.
  void norm(const std::vector<float>& weight);

  model::ModelDescription description_;
  GraphWeights weights_;
  kernels::CpuDevice& device_;
  RopeTable rope_;
  std::size_t element_bytes_;
  std::int64_t q_width_, qkv_width_, active_width_;

  std::int64_t rows_ = 0;  ///< of the step, or of those still needed
  std::vector<RowPlace> places_;
  std::vector<AttentionSequence> all_rows_;   ///< every sequence with all its rows
  std::vector<AttentionSequence> last_rows_;  ///< the wanted rows, the last ones of each sequence
  // T is the weights' type: what goes into matrix products and attention is T, the rest float32.
  kernels::Buffer hidden_;    ///< residual stream [rows][H] float32
  kernels::Buffer normed_;    ///< [rows][H] T
  kernels::Buffer qkv_;       ///< [rows][Q + 2 K] float32
  kernels::Buffer q_;         ///< [rows][Q] T
  kernels::Buffer attended_;  ///< [rows][Q] T
  kernels::Buffer active_;    ///< [rows][I rounded up to 16] T
  kernels::Buffer logits_;  ///< [wanted rows][vocab] float32
};

}  // namespace baton::engine
