// How a finished piece of a GEMM row reaches y. Included only by the kernels_*.cc files, after vec.h.
#pragma once

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/vec.h"

namespace baton::kernels {
namespace {

/// Stores sums[kPanelColumns] as columns [column, min(column + kPanelColumns, n)) of row `row`, bias added.
inline void store_columns(const GemmTask& task, std::int64_t row, std::int64_t column, const float* sums) {
  const std::int64_t columns = task.n - column < kPanelColumns ? task.n - column : kPanelColumns;
  const std::int64_t offset = row * task.y_stride + column;
  const float* const bias = task.bias;
  for_each_vec(columns, [&](std::int64_t i, auto load_at, auto store_at) {
    Vec v = load_at(sums + i);
    if (bias != nullptr) v += load_at(bias + column + i);
    switch (task.store) {
      case Store::f32: store_at(static_cast<float*>(task.y) + offset + i, v); break;
      case Store::bf16: store_at(static_cast<Bf16*>(task.y) + offset + i, v); break;
      case Store::f32_rounded: store_at(static_cast<float*>(task.y) + offset + i, round_to<Bf16>(v)); break;
    }
  });
}

}  // namespace
}  // namespace baton::kernels
