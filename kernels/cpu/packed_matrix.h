#pragma once

#include <cstddef>
#include <cstdint>

#include "baton/types.h"
#include "kernels/cpu/buffer.h"
#include "kernels/cpu/thread_pool.h"

namespace baton::kernels {

/// Weights as a checkpoint has them: [rows][k] contiguous, f32, bf16 or f16. Non-owning; any alignment.
struct WeightRows {
  const std::byte* data = nullptr;
  DType dtype = DType::bf16;
  std::int64_t rows = 0;
};

/// A weight matrix [n][k] in the panel order of kernels.h, on huge pages. Rows and k beyond the end are zero.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  /// `dtype`: f32 or bf16.
  PackedMatrix(DType dtype, std::int64_t n, std::int64_t k);

  DType dtype() const { return dtype_; }
  std::int64_t n() const { return n_; }
  std::int64_t k() const { return k_; }
  std::int64_t padded_k() const { return padded_k_; }
  std::int64_t panels() const;
  std::size_t panel_bytes() const;
  std::size_t bytes() const { return data_.size(); }
  const std::byte* data() const { return data_.data(); }

  /// Converts `from` (rounding to bf16 if need be) into rows [begin, begin + from.rows).
  void set_rows(std::int64_t begin, const WeightRows& from, ThreadPool& pool);
  /// Interleaves two matrices of equal shape for Store::gated_*: 16 rows of `gate`, 16 of `up`, and so on. n() is
  /// gated_rows(gate.rows).
  void set_gated_rows(const WeightRows& gate, const WeightRows& up, ThreadPool& pool);
  static constexpr std::int64_t gated_rows(std::int64_t rows) { return (rows + 15) / 16 * 32; }

 private:
  void set_groups(std::int64_t begin, std::int64_t group_stride, const WeightRows& from, ThreadPool& pool);

  DType dtype_ = DType::bf16;
  std::int64_t n_ = 0, k_ = 0, padded_k_ = 0;
  Buffer data_;
};

}  // namespace baton::kernels
