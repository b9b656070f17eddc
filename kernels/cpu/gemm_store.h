// How a finished piece of a GEMM row reaches y. Included only by the kernels_*.cc files, after vec.h.
#pragma once

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/vec.h"

namespace baton::kernels {
namespace {

/// silu(gate) · up of a panel whose first half are gates and second half the ups that belong to them.
inline Vec gated(Vec gate, Vec up) { return gate / (1.0F + exp(-gate)) * up; }

/// Adds the bias, in place.
inline void add_bias(const GemmTask& task, std::int64_t column, std::int64_t columns, float* sums) {
  if (task.bias == nullptr) return;
  for_each_vec(columns, [&](std::int64_t i, auto load_at, auto store_at) {
    store_at(sums + i, load_at(sums + i) + load_at(task.bias + column + i));
  });
}

template <class T>
inline void store_gated(const GemmTask& task, std::int64_t row, std::int64_t column, const float* sums) {
  constexpr std::int64_t kHalf = kPanelColumns / 2;
  T* const to = static_cast<T*>(task.y) + row * task.y_stride + column / 2;
  for (std::int64_t i = 0; i < kHalf; i += kWidth) store(to + i, gated(load(sums + i), load(sums + kHalf + i)));
}

/// Finishes columns [column, column + kPanelColumns) of row `row` from sums[kPanelColumns], which it may change.
inline void store_columns(const GemmTask& task, std::int64_t row, std::int64_t column, float* sums) {
  const std::int64_t columns = task.n - column < kPanelColumns ? task.n - column : kPanelColumns;
  add_bias(task, column, columns, sums);
  if (task.store == Store::gated_bf16) return store_gated<Bf16>(task, row, column, sums);
  if (task.store == Store::gated_f32) return store_gated<float>(task, row, column, sums);
  float* const to = static_cast<float*>(task.y) + row * task.y_stride + column;
  const bool adds = task.store == Store::add;
  if (columns == kPanelColumns) {
    for (std::int64_t i = 0; i < kPanelColumns; i += kWidth) store(to + i, adds ? load(to + i) + load(sums + i) : load(sums + i));
    return;
  }
  for_each_vec(columns, [&](std::int64_t i, auto load_at, auto store_at) {
    store_at(to + i, adds ? load_at(to + i) + load_at(sums + i) : load_at(sums + i));
  });
}

}  // namespace
}  // namespace baton::kernels
