#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "perf/shape.h"

namespace baton::perf {

/// What a config.json says of a decoder with gated MLPs. Parameters follow from it.
struct DecoderSizes {
  std::int32_t layers = 0, hidden = 0, q_heads = 0, kv_heads = 0, head_dim = 0;
  std::int32_t intermediate = 0;  ///< of a dense layer's MLP
  std::int32_t vocab = 0;
  bool tied_embeddings = false;
  std::int32_t experts = 0;  ///< 0: dense
  std::int32_t experts_per_token = 0;
  std::int32_t expert_intermediate = 0;  ///< of one expert
  std::int32_t dense_layers = 0;         ///< of a mixture: layers with a dense MLP
  std::int32_t shared_intermediate = 0;  ///< of a mixture: MLP every token passes beside its experts
  double attention_parameters = 0;       ///< of one layer, where the heads do not tell; 0: they do
};
ModelShape shape_of(const DecoderSizes& sizes);

/// Shape of a well-known model by its name: the last part of a path or Hugging Face id, in any case, with any suffix
/// ("-Instruct", "-FP8"). Nothing if it is not known.
std::optional<ModelShape> known_shape(std::string_view name);

}  // namespace baton::perf
