#pragma once

#include <span>
#include <vector>

#include "baton/types.h"

// Vocabulary-wide passes of the sampler: plain loops the compiler vectorises, no libm, so that every machine computes
// the same bits.
namespace baton::engine {

/// e^x for x <= 0, relative error < 2e-7; 0 below -87. e^0 is exactly 1.
float exp_nonpositive(float x);

/// Largest value, NaN ignored; -inf if there is none.
float max_value(std::span<const float> values);

/// Index of the largest value, the lowest of equals, NaN ignored; 0 if all are NaN or -inf.
TokenId argmax(std::span<const float> values);

/// Copies with NaN → -inf and +inf → the largest float, so that differences of values stay defined.
void copy_clean(std::span<const float> from, std::span<float> to);

/// weights[i] = e^((logits[i] - top) · scale) for clean logits, none above `top`.
void exp_weights(std::span<const float> logits, float top, float scale, std::span<float> weights);

/// Sum in float64, in an order fixed by the length alone.
double sum(std::span<const float> values);

/// Zeroes the values below `least`.
void keep_from(std::span<float> values, float least);

/// Sum of the values that keep_from() would keep.
double sum_from(std::span<const float> values, float least);

/// log Σ e^logits of clean logits; -inf if all are -inf. `weights` is scratch of the same length.
double log_sum_exp(std::span<const float> logits, std::span<float> weights);

}  // namespace baton::engine
