// How a finished piece of a GEMM row reaches y. Included only by the kernels_*.cc files, after vec.h.
#pragma once

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/vec.h"

namespace baton::kernels {
namespace {

template <class T, bool rounded>
inline void store_whole(const GemmTask& task, std::int64_t row, std::int64_t column, const float* sums) {
  T* const to = static_cast<T*>(task.y) + row * task.y_stride + column;
  for (int i = 0; i < kPanelColumns; i += kWidth) {
    Vec v = load(sums + i);
    if (task.bias != nullptr) v += load(task.bias + column + i);
    store(to + i, rounded ? round_to<Bf16>(v) : v);
  }
}

template <class T, bool rounded>
inline void store_part_of_panel(const GemmTask& task, std::int64_t row, std::int64_t column, const float* sums) {
  T* const to = static_cast<T*>(task.y) + row * task.y_stride + column;
  for_each_vec(task.n - column, [&](std::int64_t i, auto load_at, auto store_at) {
    Vec v = load_at(sums + i);
    if (task.bias != nullptr) v += load_at(task.bias + column + i);
    store_at(to + i, rounded ? round_to<Bf16>(v) : v);
  });
}

template <class T, bool rounded = false>
inline void store_columns_as(const GemmTask& task, std::int64_t row, std::int64_t column, const float* sums) {
  if (column + kPanelColumns <= task.n) return store_whole<T, rounded>(task, row, column, sums);
  store_part_of_panel<T, rounded>(task, row, column, sums);
}

/// Stores sums[kPanelColumns] as columns [column, min(column + kPanelColumns, n)) of row `row`, bias added.
inline void store_columns(const GemmTask& task, std::int64_t row, std::int64_t column, const float* sums) {
  switch (task.store) {
    case Store::f32: return store_columns_as<float>(task, row, column, sums);
    case Store::bf16: return store_columns_as<Bf16>(task, row, column, sums);
    case Store::f32_rounded: return store_columns_as<float, true>(task, row, column, sums);
  }
}

}  // namespace
}  // namespace baton::kernels
