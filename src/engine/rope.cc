#include "engine/rope.h"

#include <cmath>
#include <numbers>

namespace baton::engine {
namespace {

/// Llama 3's stretching: long waves by `factor`, short ones not at all, those between gradually.
float stretch_llama3(float frequency, const model::RopeScaling& scaling) {
  const double context = scaling.original_max_position;
  const double wave = 2.0 * std::numbers::pi / static_cast<double>(frequency);
  const double original = static_cast<double>(frequency);
  if (wave > context / scaling.low_freq_factor) return static_cast<float>(original / scaling.factor);
  if (wave < context / scaling.high_freq_factor) return frequency;
  const double smooth = (context / wave - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
  return static_cast<float>((1.0 - smooth) * original / scaling.factor + smooth * original);
}

}  // namespace

std::vector<float> rope_frequencies(const model::ModelDescription& description) {
  std::vector<float> frequencies;
  for (std::int32_t i = 0; i < description.head_dim; i += 2) {
    const double exponent = static_cast<double>(i) / description.head_dim;
    const auto plain = static_cast<float>(1.0 / std::pow(description.rope_theta, exponent));
    switch (description.rope_scaling.kind) {
      case model::RopeScalingKind::none: frequencies.push_back(plain); break;
      case model::RopeScalingKind::linear:
        frequencies.push_back(static_cast<float>(static_cast<double>(plain) / description.rope_scaling.factor));
        break;
      case model::RopeScalingKind::llama3: frequencies.push_back(stretch_llama3(plain, description.rope_scaling)); break;
    }
  }
  return frequencies;
}

void RopeTable::grow(std::int32_t positions) {
  const std::size_t have = cos_.size() / frequencies_.size();
  for (std::size_t position = have; position < static_cast<std::size_t>(positions); ++position) {
    for (const float frequency : frequencies_) {
      const auto angle = static_cast<double>(static_cast<float>(position) * frequency);
      cos_.push_back(static_cast<float>(std::cos(angle)));
      sin_.push_back(static_cast<float>(std::sin(angle)));
    }
  }
}

}  // namespace baton::engine
