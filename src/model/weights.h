#pragma once

#include <vector>

#include "baton/error.h"
#include "model/checkpoint.h"
#include "model/description.h"
#include "model/tensor.h"

namespace baton::model {

/// One decoder layer. Matrices are [out, in], row-major, as PyTorch stores nn.Linear. H = hidden, Q = heads × head_dim,
/// K = kv_heads × head_dim, I = intermediate.
struct LayerWeights {
  TensorView input_norm;              ///< [H]
  TensorView q, k, v;                 ///< [Q, H], [K, H], [K, H]
  TensorView q_bias, k_bias, v_bias;  ///< [Q], [K], [K]; present with qkv_bias
  TensorView q_norm, k_norm;          ///< [head_dim]; present with qk_norm
  TensorView o;                       ///< [H, Q]
  TensorView post_attention_norm;     ///< [H]
  TensorView gate, up;                ///< [I, H]
  TensorView down;                    ///< [H, I]
};

/// Every weight of a model, as views into a Checkpoint, which must outlive them. Elements are F32, BF16 or F16, not
/// necessarily the same for all tensors.
struct LlamaWeights {
  TensorView embed;       ///< [vocab, H]
  TensorView final_norm;  ///< [H]
  TensorView lm_head;     ///< [vocab, H]; the same view as embed when tied
  std::vector<LayerWeights> layers;
};

/// Collects the weights and checks every shape and type against the description. Tensors the model does not have are an
/// error too (they show that the description is wrong), except rotary inv_freq buffers and an lm_head beside tied
/// embeddings. Errors: corrupt_file, unsupported_parameter, naming the tensors.
Result<LlamaWeights> load_weights(const ModelDescription& description, const Checkpoint& checkpoint);

}  // namespace baton::model
