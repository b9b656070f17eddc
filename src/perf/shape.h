#pragma once

#include <cstdint>

namespace baton::perf {

/// The sizes of a decoder-only model that its cost depends on.
struct ModelShape {
  double parameters = 0;           ///< active per token
  double resident_parameters = 0;  ///< held in memory: more than `parameters` for mixtures of experts; 0: the same
  std::int32_t layers = 0;
  std::int32_t hidden = 0;
  std::int32_t q_heads = 0;
  std::int32_t kv_heads = 0;
  std::int32_t head_dim = 0;
  std::int32_t experts = 0;  ///< 0: dense
  std::int32_t experts_per_token = 0;
  double expert_parameters = 0;  ///< of resident_parameters, those in experts
  friend bool operator==(const ModelShape&, const ModelShape&) = default;

  /// K and V of one token over all layers.
  double kv_bytes_per_token(double bytes_per_value) const {
    return 2.0 * layers * kv_heads * head_dim * bytes_per_value;
  }
};

}  // namespace baton::perf
