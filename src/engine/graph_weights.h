#pragma once

#include <cstdint>
#include <vector>

#include "kernels/cpu/buffer.h"
#include "kernels/cpu/packed_matrix.h"
#include "kernels/cpu/thread_pool.h"
#include "model/description.h"
#include "model/weights.h"

namespace baton::engine {

/// One decoder layer as the CPU kernels want it. H = hidden, Q = heads × head_dim, K = kv_heads × head_dim,
/// I = intermediate. Vectors hold the values of the compute type as float32.
struct GraphLayer {
  std::vector<float> input_norm;           ///< [H]
  kernels::PackedMatrix qkv;               ///< [Q + 2 K, H]
  std::vector<float> qkv_bias;             ///< [Q + 2 K] or empty
  std::vector<float> q_norm, k_norm;       ///< [head_dim] or empty
  kernels::PackedMatrix o;                 ///< [H, Q]
  std::vector<float> post_attention_norm;  ///< [H]
  kernels::PackedMatrix gate_up;           ///< [2 I, H], 16 gates and 16 ups by turns; I rounded up to 16
  kernels::PackedMatrix down;              ///< [H, I]
};

/// A model's weights converted to `dtype` (f32 or bf16) and packed. Owns everything.
struct GraphWeights {
  DType dtype = DType::bf16;
  kernels::Buffer embed;  ///< [vocab, H] of dtype
  std::vector<GraphLayer> layers;
  std::vector<float> final_norm;  ///< [H]
  kernels::PackedMatrix lm_head;  ///< [vocab, H]
};

/// Copies and packs; the views may go afterwards.
GraphWeights pack_weights(const model::ModelDescription& description, const model::LlamaWeights& weights, DType dtype,
                          kernels::ThreadPool& pool);

}  // namespace baton::engine
