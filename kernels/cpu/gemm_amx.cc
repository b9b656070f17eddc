#include "kernels/cpu/gemm_amx.h"

#include <algorithm>

#include "kernels/cpu/amx.h"
#include "kernels/cpu/gemm_store.h"

namespace baton::kernels {
namespace {

constexpr std::int64_t kTileRows = 16;
constexpr std::int64_t kCacheLine = 64;
/// A k up to the first goes in one pass, a longer one in passes of the second (a panel's share, 32 KiB, then stays in
/// the L1 cache while all rows go by). Sums rest in scratch as float32 between passes, which loses nothing, so the
/// choice does not show in results.
constexpr std::int64_t kOnePassBlocks = 32;
constexpr std::int64_t kPassBlocks = 16;

/// Sums of one block, row tiles × 2 column tiles, in scratch: [2 or 1][2][16][16] floats.
struct Block {
  const std::byte* x;      ///< first row tile, at the pass's first k block
  std::int64_t x_stride;   ///< bytes from one row tile to the next
  const std::byte* w;      ///< panel at the pass's first k block
  std::int64_t k_blocks;
  float* sums;
  const std::byte* ahead;       ///< this block's share of the next panel's weights, to be fetched meanwhile
  std::int64_t ahead_lines;     ///< cache lines of it for each k block
};

inline void load_sums(const float* sums, bool first, bool two) {
  if (first) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    return;
  }
  _tile_loadd(0, sums, kTileStride);
  _tile_loadd(1, sums + 256, kTileStride);
  if (!two) return;
  _tile_loadd(2, sums + 512, kTileStride);
  _tile_loadd(3, sums + 768, kTileStride);
}

/// 32 rows × 32 columns.
inline void multiply_two(const Block& b, bool first) {
  load_sums(b.sums, first, true);
  const std::byte* x = b.x;
  const std::byte* w = b.w;
  const std::byte* ahead = b.ahead;
#pragma GCC unroll 1
  for (std::int64_t i = 0; i < b.k_blocks; ++i, x += kTileBytes, w += 2 * kTileBytes) {
    for (std::int64_t line = 0; line < b.ahead_lines; ++line, ahead += kCacheLine) _mm_prefetch(ahead, _MM_HINT_T1);
    _tile_loadd(4, x, kTileStride);
    _tile_loadd(6, w, kTileStride);
    _tile_loadd(7, w + kTileBytes, kTileStride);
    _tile_loadd(5, x + b.x_stride, kTileStride);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, b.sums, kTileStride);
  _tile_stored(1, b.sums + 256, kTileStride);
  _tile_stored(2, b.sums + 512, kTileStride);
  _tile_stored(3, b.sums + 768, kTileStride);
}

/// 16 rows × 32 columns; what decoding spends its time in, so the weights are fetched ahead.
inline void multiply_one(const Block& b, bool first) {
  load_sums(b.sums, first, false);
  const std::byte* x = b.x;
  const std::byte* w = b.w;
  for (std::int64_t i = 0; i < b.k_blocks; ++i, x += kTileBytes, w += 2 * kTileBytes) {
    _tile_loadd(4, x, kTileStride);
    _tile_loadd(6, w, kTileStride);
    _tile_loadd(7, w + kTileBytes, kTileStride);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
  }
  _tile_stored(0, b.sums, kTileStride);
  _tile_stored(1, b.sums + 256, kTileStride);
}

/// Writes a block's finished sums, rows [row, row + count), to y.
inline void finish(const GemmTask& task, std::int64_t row, std::int64_t count, std::int64_t panel, const float* sums) {
  alignas(64) float line[kPanelColumns];
  for (std::int64_t r = 0; r < count; ++r) {
    const float* const from = sums + r / kTileRows * 512 + r % kTileRows * 16;
    store(line, load(from));
    store(line + 16, load(from + 256));
    store_columns(task, row + r, panel * kPanelColumns, line);
  }
}

}  // namespace

std::size_t prepared_bytes_amx(std::int64_t rows, std::int64_t k) {
  return static_cast<std::size_t>((rows + kTileRows - 1) / kTileRows * kTileRows * k) * sizeof(Bf16);
}

void prepare_rows_amx(const Bf16* x, std::int64_t stride, std::int64_t k_valid, std::int64_t k, std::int64_t begin,
                      std::int64_t end, std::byte* out) {
  const std::int64_t padded_end = (end + kTileRows - 1) / kTileRows * kTileRows;
  for (std::int64_t row = begin; row < padded_end; ++row) {
    std::byte* to = out + row / kTileRows * kTileRows * k * 2 + row % kTileRows * kTileStride;
    const Bf16* const from = x + row * stride;
    for (std::int64_t i = 0; i < k; i += kPanelK, to += kTileBytes) {
      const std::int64_t valid = row < end ? std::clamp<std::int64_t>(k_valid - i, 0, kPanelK) : 0;
      const __mmask32 mask = valid == 32 ? 0xFFFFFFFFU : (1U << valid) - 1U;
      _mm512_store_si512(to, _mm512_maskz_loadu_epi16(mask, from + (valid > 0 ? i : 0)));
    }
  }
}

void gemm_bf16_amx(const GemmTask& task) {
  const TileScope tiles;
  const std::int64_t k_blocks = task.k / kPanelK;
  const std::int64_t tile_row_bytes = k_blocks * kTileBytes;
  const auto* const x = static_cast<const std::byte*>(task.x);
  const std::int64_t row_blocks = (task.row_end - task.row_begin + kGemmRowUnit - 1) / kGemmRowUnit;
  const std::int64_t ahead_lines = (2 * kTileBytes / kCacheLine + row_blocks - 1) / row_blocks;
  // Sums that need one pass only share one block of scratch.
  const bool one_pass = k_blocks <= kOnePassBlocks;
  const std::int64_t scratch_step = one_pass ? 0 : kGemmScratchPerBlock;
  const std::int64_t most = one_pass ? kOnePassBlocks : kPassBlocks;
  for (std::int64_t k = 0; k < k_blocks; k += most) {
    const std::int64_t pass = std::min(most, k_blocks - k);
    const bool first = k == 0;
    const bool last = k + most >= k_blocks;
    float* sums = task.scratch;
    for (std::int64_t panel = task.panel_begin; panel < task.panel_end; ++panel) {
      const std::byte* const w = task.panels + static_cast<std::size_t>(panel) * task.panel_bytes + k * 2 * kTileBytes;
      const std::byte* ahead = w + task.panel_bytes;
      for (std::int64_t row = task.row_begin; row < task.row_end; row += kGemmRowUnit) {
        const Block block{x + row / kTileRows * tile_row_bytes + k * kTileBytes, tile_row_bytes, w, pass, sums, ahead, ahead_lines};
        const std::int64_t rows = std::min(kGemmRowUnit, task.row_end - row);
        if (rows > kTileRows) {
          multiply_two(block, first);
        } else {
          multiply_one(block, first);
        }
        if (last) finish(task, row, rows, panel, sums);
        sums += scratch_step;
        ahead += pass * ahead_lines * kCacheLine;
      }
    }
  }
}

}  // namespace baton::kernels
