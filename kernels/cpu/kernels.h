#pragma once

#include <cstddef>
#include <cstdint>

#include "baton/attention.h"
#include "kernels/cpu/float16.h"
#include "kernels/cpu/isa.h"

namespace baton::kernels {

// Weight panels: 32 outputs (columns of y) over the whole K. float32: [K][32]. bf16: [K/32][2][16 pairs of k][16][2],
// which is what AMX tiles want and is one vector load per 16 outputs for everybody else.
inline constexpr std::int64_t kPanelColumns = 32;
inline constexpr std::int64_t kPanelK = 32;
/// Row blocks of a GemmTask begin at multiples of this.
inline constexpr std::int64_t kGemmRowUnit = 32;
/// Floats of scratch a GemmTask needs per (32 rows × 32 columns) of its rectangle.
inline constexpr std::int64_t kGemmScratchPerBlock = kGemmRowUnit * kPanelColumns;

/// What becomes of a GEMM result. `gated`: of every 32 columns the first 16 are gates g, the others ups u, and the 16
/// values silu(g) · u are stored, so y has n/2 columns; n must be a multiple of 32.
enum class Store : std::uint8_t {
  set,         ///< y = result, float32
  add,         ///< y += result, float32
  gated_f32,   ///< y = silu(g) · u, float32
  gated_bf16,  ///< the same rounded to bf16
};

/// A rectangle of y[rows][n] = x[rows][k] · Wᵀ + bias.
struct GemmTask {
  const void* x = nullptr;  ///< rows as prepare_rows wrote them (bf16), or plain float32 [rows][x_stride]
  std::int64_t k = 0;       ///< bf16: a multiple of kPanelK
  std::int64_t x_stride = 0;  ///< elements from row to row of x, where x is plain
  std::int64_t row_begin = 0, row_end = 0;  ///< row_begin is a multiple of kGemmRowUnit
  const std::byte* panels = nullptr;
  std::size_t panel_bytes = 0;
  std::int64_t panel_begin = 0, panel_end = 0;
  std::int64_t n = 0;
  const float* bias = nullptr;  ///< [n] or null
  void* y = nullptr;            ///< [rows][y_stride]
  std::int64_t y_stride = 0;    ///< elements
  Store store = Store::set;
  float* scratch = nullptr;  ///< this thread's; 64-byte aligned
};

/// Attention of some query rows of one (sequence, kv head).
struct AttentionTask {
  const AttentionParams* params = nullptr;
  const AttentionSequence* sequence = nullptr;
  std::int32_t kv_head = 0;
  /// Range of (row, head of the group) pairs, index = row * group + head; at most kAttentionLanes * kAttentionTiles.
  std::int32_t pair_begin = 0, pair_end = 0;
  std::byte* scratch = nullptr;  ///< this thread's; attention_scratch_bytes(head_dim), 64-byte aligned
};
inline constexpr std::int32_t kAttentionLanes = 16;  ///< pairs computed together
inline constexpr std::int32_t kAttentionTiles = 8;   ///< lane groups sharing one pass over the KV
inline constexpr std::int32_t kAttentionKvTile = 64; ///< tokens; tile i is positions [64 i, 64 i + 64), always

/// Scratch of one AttentionTask on any instruction set.
constexpr std::size_t attention_scratch_bytes(std::int32_t head_dim) {
  const auto d = static_cast<std::size_t>((head_dim + 63) / 64 * 64);
  return sizeof(float) * (2 * kAttentionKvTile * d + 2 * kAttentionLanes * kAttentionKvTile +
                          kAttentionTiles * kAttentionLanes * (2 * d + 4) + kAttentionLanes * d);
}

/// One row through q/k norm, RoPE and the KV write.
struct RopeTask {
  float* qkv = nullptr;  ///< the row: q heads, k heads, v heads, each head_dim; changed in place
  void* q = nullptr;     ///< [heads][head_dim]: the finished queries, of the kernels' type
  std::int32_t heads = 0, kv_heads = 0, head_dim = 0;
  const float* cos = nullptr;     ///< [head_dim/2] at the row's position
  const float* sin = nullptr;     ///< [head_dim/2]
  const float* q_norm = nullptr;  ///< [head_dim] or null
  const float* k_norm = nullptr;  ///< [head_dim] or null
  float eps = 0.0F;
  std::byte* slab = nullptr;  ///< (layer, block) slab of the row's token: [k|v][kv_head][token][head_dim]
  std::int32_t block_tokens = 0;
  std::int32_t slot = 0;  ///< token's place in the block
  DType kv_dtype = DType::bf16;
};

/// Operations that read float32 and hand over to matrix products in one element type T. Every one works on rows
/// independently: the result of a row is the same, bit for bit, whatever else is computed with it.
struct RowKernels {
  /// out (T) = weight · x / rms(x)
  void (*rms_norm)(const float* x, const float* weight, float eps, std::int64_t n, void* out);
  void (*rope_store)(const RopeTask& task);
  /// q and out are T.
  void (*attention)(const AttentionTask& task);
};

/// The kernels of one instruction set. All functions are pure apart from their outputs and may run on any thread.
struct KernelTable {
  Isa isa;
  void (*gemm_f32)(const GemmTask& task);
  void (*gemm_bf16)(const GemmTask& task);
  /// Bytes of `rows` rows of k (multiple of kPanelK) bf16 activations as gemm_bf16 reads them.
  std::size_t (*prepared_bytes)(std::int64_t rows, std::int64_t k);
  /// Converts x[rows][k_valid] (bf16, stride elements apart) for gemm_bf16, rows [begin, end), begin a multiple of 16;
  /// k beyond k_valid is zero.
  void (*prepare_rows)(const Bf16* x, std::int64_t stride, std::int64_t k_valid, std::int64_t k, std::int64_t begin,
                       std::int64_t end, std::byte* out);
  RowKernels f32;
  RowKernels bf16;
};

/// The table of an instruction set that isa_supported().
const KernelTable& kernel_table(Isa isa);

}  // namespace baton::kernels
