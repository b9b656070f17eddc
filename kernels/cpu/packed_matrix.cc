#include "kernels/cpu/packed_matrix.h"

#include <algorithm>
#include <cstring>

#include "kernels/cpu/float16.h"
#include "kernels/cpu/kernels.h"

namespace baton::kernels {
namespace {

constexpr std::int64_t kTileColumns = 16;

template <class T>
T read(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

struct FromF32 {
  static constexpr std::size_t kBytes = 4;
  static float get(const std::byte* at) { return read<float>(at); }
};
struct FromBf16 {
  static constexpr std::size_t kBytes = 2;
  static float get(const std::byte* at) { return to_float(read<Bf16>(at)); }
};
struct FromF16 {
  static constexpr std::size_t kBytes = 2;
  static float get(const std::byte* at) { return half_to_float(read<std::uint16_t>(at)); }
};

/// Element index inside the packed matrix's panel of (column of the panel, k).
std::int64_t bf16_index(std::int64_t column, std::int64_t k) {
  return k / kPanelK * (kPanelColumns * kPanelK) + column / kTileColumns * (kTileColumns * kPanelK) +
         k % kPanelK / 2 * (2 * kTileColumns) + column % kTileColumns * 2 + k % 2;
}

/// Rows [begin, end) of one tile column group, k outermost so that writes are sequential.
template <class From>
void pack_group(std::byte* panel, DType dtype, std::int64_t column, std::int64_t count, const std::byte* rows, std::int64_t k) {
  const auto row_bytes = static_cast<std::size_t>(k) * From::kBytes;
  for (std::int64_t i = 0; i < k; ++i) {
    const std::byte* const from = rows + static_cast<std::size_t>(i) * From::kBytes;
    if (dtype == DType::f32) {
      float* const to = reinterpret_cast<float*>(panel) + i * kPanelColumns + column;
      for (std::int64_t c = 0; c < count; ++c) to[c] = From::get(from + static_cast<std::size_t>(c) * row_bytes);
    } else {
      Bf16* const to = reinterpret_cast<Bf16*>(panel) + bf16_index(column, i);
      for (std::int64_t c = 0; c < count; ++c) to[2 * c] = to_bf16(From::get(from + static_cast<std::size_t>(c) * row_bytes));
    }
  }
}

}  // namespace

PackedMatrix::PackedMatrix(DType dtype, std::int64_t n, std::int64_t k)
    : dtype_(dtype), n_(n), k_(k), padded_k_(dtype == DType::f32 ? k : (k + kPanelK - 1) / kPanelK * kPanelK) {
  data_ = Buffer(static_cast<std::size_t>(panels()) * panel_bytes());
}

std::int64_t PackedMatrix::panels() const { return (n_ + kPanelColumns - 1) / kPanelColumns; }

std::size_t PackedMatrix::panel_bytes() const {
  return static_cast<std::size_t>(padded_k_ * kPanelColumns) * (dtype_bits(dtype_) / 8);
}

void PackedMatrix::set_rows(std::int64_t begin, const WeightRows& from, ThreadPool& pool) {
  set_groups(begin, kTileColumns, from, pool);
}

void PackedMatrix::set_gated_rows(const WeightRows& gate, const WeightRows& up, ThreadPool& pool) {
  set_groups(0, 2 * kTileColumns, gate, pool);
  set_groups(kTileColumns, 2 * kTileColumns, up, pool);
}

/// Rows of one 16-row group of the matrix, from the next group on `group_stride` further on each time.
void PackedMatrix::set_groups(std::int64_t begin, std::int64_t group_stride, const WeightRows& from, ThreadPool& pool) {
  const std::int64_t end = begin + from.rows;
  const std::int64_t first_group = begin / kTileColumns;
  const auto groups = static_cast<std::int32_t>((end + kTileColumns - 1) / kTileColumns - first_group);
  const auto pack = [&]<class From>(From) {
    pool.parallel_for(groups, [&](std::int32_t index, int) {
      const std::int64_t group = (first_group + index) * kTileColumns;
      const std::int64_t low = std::max(begin, group);
      const std::int64_t high = std::min(end, group + kTileColumns);
      const std::int64_t row = low + index * (group_stride - kTileColumns);
      std::byte* const panel = data_.data() + static_cast<std::size_t>(row / kPanelColumns) * panel_bytes();
      const std::byte* const rows = from.data + static_cast<std::size_t>((low - begin) * k_) * From::kBytes;
      pack_group<From>(panel, dtype_, row % kPanelColumns, high - low, rows, k_);
    });
  };
  switch (from.dtype) {
    case DType::f32: return pack(FromF32{});
    case DType::f16: return pack(FromF16{});
    default: return pack(FromBf16{});
  }
}

}  // namespace baton::kernels
