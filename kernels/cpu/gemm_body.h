// GEMM with float32 FMA, for float32 and bf16 weights. Every output is one chain of multiply-adds over k in ascending
// order, whatever the number of rows. Included only by the kernels_*.cc files.
#pragma once

#include <algorithm>

#include "kernels/cpu/gemm_store.h"
#include "kernels/cpu/vec.h"

namespace baton::kernels {
namespace {

constexpr int kVecs = static_cast<int>(kPanelColumns) / kWidth;
/// Rows computed together: as many accumulators as the registers hold.
constexpr int kRows = kWidth == 16 ? 12 : (kWidth == 8 ? 3 : 1);

/// sums[rows][kPanelColumns] of float32 rows x (stride elements apart) and one [k][32] panel.
template <int rows>
void multiply_f32(const float* x, std::int64_t stride, std::int64_t k, const float* panel, float* sums) {
  Vec acc[rows][kVecs] = {};
  for (std::int64_t i = 0; i < k; ++i) {
    Vec w[kVecs];
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) w[v] = load(panel + i * kPanelColumns + v * kWidth);
#pragma GCC unroll 12
    for (int r = 0; r < rows; ++r) {
      const Vec value = splat(x[r * stride + i]);
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) acc[r][v] += value * w[v];
    }
  }
  for (int r = 0; r < rows; ++r) {
    for (int v = 0; v < kVecs; ++v) store(sums + r * kPanelColumns + v * kWidth, acc[r][v]);
  }
}

/// sums[rows][kPanelColumns] of bf16 rows widened to float32 (stride elements apart) and one bf16 panel.
template <int rows>
void multiply_bf16(const float* x, std::int64_t stride, std::int64_t k, const std::uint32_t* panel, float* sums) {
  Vec acc[rows][kVecs] = {};
  for (std::int64_t pair = 0; pair < k / 2; ++pair) {
    // dword (block, tile, pair in block, column) holds k = 2 pair (low half) and 2 pair + 1 (high half)
    const std::uint32_t* const line = panel + (pair / 16) * 512 + (pair % 16) * 16;
    Vec even[kVecs];
    Vec odd[kVecs];
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) {
      BitVec bits;
      std::memcpy(&bits, line + (v * kWidth / 16) * 256 + (v * kWidth) % 16, sizeof bits);
      even[v] = (Vec)(bits << 16);
      odd[v] = (Vec)(bits & 0xFFFF0000U);
    }
#pragma GCC unroll 12
    for (int r = 0; r < rows; ++r) {
      const Vec first = splat(x[r * stride + 2 * pair]);
      const Vec second = splat(x[r * stride + 2 * pair + 1]);
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) {
        acc[r][v] += first * even[v];
        acc[r][v] += second * odd[v];
      }
    }
  }
  for (int r = 0; r < rows; ++r) {
    for (int v = 0; v < kVecs; ++v) store(sums + r * kPanelColumns + v * kWidth, acc[r][v]);
  }
}

/// Dispatches a row count of at most kRows to its instantiation.
template <int rows, bool is_bf16>
void multiply(int count, const float* x, std::int64_t stride, std::int64_t k, const std::byte* panel, float* sums) {
  if constexpr (rows > 1) {
    if (count < rows) return multiply<rows - 1, is_bf16>(count, x, stride, k, panel, sums);
  }
  if constexpr (is_bf16) {
    multiply_bf16<rows>(x, stride, k, reinterpret_cast<const std::uint32_t*>(panel), sums);
  } else {
    multiply_f32<rows>(x, stride, k, reinterpret_cast<const float*>(panel), sums);
  }
}

template <bool is_bf16>
void gemm(const GemmTask& task) {
  alignas(64) float sums[kRows * kPanelColumns];
  const std::int64_t stride = is_bf16 ? task.k : task.x_stride;
  for (std::int64_t panel = task.panel_begin; panel < task.panel_end; ++panel) {
    const std::byte* const weights = task.panels + static_cast<std::size_t>(panel) * task.panel_bytes;
    for (std::int64_t row = task.row_begin; row < task.row_end; row += kRows) {
      const int count = static_cast<int>(std::min<std::int64_t>(kRows, task.row_end - row));
      multiply<kRows, is_bf16>(count, static_cast<const float*>(task.x) + row * stride, stride, task.k, weights, sums);
      for (int r = 0; r < count; ++r) {
        store_columns(task, row + r, panel * kPanelColumns, sums + r * kPanelColumns);
      }
    }
  }
}

inline std::size_t widened_bytes(std::int64_t rows, std::int64_t k) {
  return static_cast<std::size_t>(rows * k) * sizeof(float);
}

inline void widen_rows(const Bf16* x, std::int64_t stride, std::int64_t k_valid, std::int64_t k, std::int64_t begin,
                       std::int64_t end, std::byte* out) {
  for (std::int64_t row = begin; row < end; ++row) {
    const Bf16* const from = x + row * stride;
    float* const to = reinterpret_cast<float*>(out) + row * k;
    for_each_vec(k_valid, [&](std::int64_t i, auto load_at, auto store_at) { store_at(to + i, load_at(from + i)); });
    std::fill(to + k_valid, to + k, 0.0F);
  }
}

}  // namespace
}  // namespace baton::kernels
