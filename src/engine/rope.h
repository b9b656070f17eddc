#pragma once

#include <cstdint>
#include <vector>

#include "model/description.h"

namespace baton::engine {

/// Rotary frequencies of a model, [head_dim/2], scaling applied, in float32 as Hugging Face computes them.
std::vector<float> rope_frequencies(const model::ModelDescription& description);

/// cos and sin of position × frequency, computed once per position. Not thread-safe while growing.
class RopeTable {
 public:
  explicit RopeTable(std::vector<float> frequencies) : frequencies_(std::move(frequencies)) {}
  /// Makes positions [0, positions) available.
  void grow(std::int32_t positions);
  /// [head_dim/2] each; `position` must be available. Valid until the next grow().
  const float* cos(std::int32_t position) const { return cos_.data() + offset(position); }
  const float* sin(std::int32_t position) const { return sin_.data() + offset(position); }

 private:
  std::size_t offset(std::int32_t position) const { return static_cast<std::size_t>(position) * frequencies_.size(); }
  std::vector<float> frequencies_;
  std::vector<float> cos_;
  std::vector<float> sin_;
};

}  // namespace baton::engine
