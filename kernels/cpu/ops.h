#pragma once

#include <cstdint>

#include "baton/attention.h"
#include "kernels/cpu/buffer.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/packed_matrix.h"
#include "kernels/cpu/thread_pool.h"

namespace baton::kernels {

/// Where and how operations run: one instruction set, one pool, scratch that grows to the largest need and stays.
/// One caller at a time.
class CpuDevice {
 public:
  /// `isa` must be supported; `threads` >= 1.
  CpuDevice(Isa isa, int threads);

  const KernelTable& table() const { return table_; }
  const RowKernels& rows(DType dtype) const { return dtype == DType::f32 ? table_.f32 : table_.bf16; }
  ThreadPool& pool() { return pool_; }
  /// `bytes` of scratch for each thread, at thread_scratch(i); contents undefined.
  void reserve_thread_scratch(std::size_t bytes);
  std::byte* thread_scratch(int thread) const { return thread_scratch_.data() + static_cast<std::size_t>(thread) * thread_bytes_; }
  Buffer& prepared() { return prepared_; }

 private:
  const KernelTable& table_;
  ThreadPool pool_;
  Buffer prepared_;
  Buffer thread_scratch_;
  std::size_t thread_bytes_ = 0;
};

/// y = x[rows][w.k] · Wᵀ + bias, stored as `store` says. x has w.dtype() elements; strides in elements.
struct GemmArgs {
  const void* x = nullptr;
  std::int64_t rows = 0;
  std::int64_t x_stride = 0;
  void* y = nullptr;  ///< element type and columns: see Store
  std::int64_t y_stride = 0;
  Store store = Store::set;
  const float* bias = nullptr;  ///< [n] or null
};
void gemm(CpuDevice& device, const PackedMatrix& w, const GemmArgs& args);

/// Ragged paged attention; see AttentionParams.
void attention(CpuDevice& device, const AttentionParams& params);

/// body(row) for every row of [0, rows), spread over the threads when there are enough of them.
template <class Body>
void for_rows(CpuDevice& device, std::int64_t rows, Body body) {
  constexpr std::int64_t kRowsPerTask = 16;
  const auto tasks = static_cast<std::int32_t>((rows + kRowsPerTask - 1) / kRowsPerTask);
  device.pool().parallel_for(tasks, [&](std::int32_t task, int) {
    const std::int64_t end = task * kRowsPerTask + kRowsPerTask < rows ? task * kRowsPerTask + kRowsPerTask : rows;
    for (std::int64_t row = task * kRowsPerTask; row < end; ++row) body(row);
  });
}

}  // namespace baton::kernels
