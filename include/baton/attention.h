#pragma once

#include <cstdint>
#include <span>

#include "baton/kv_layout.h"
#include "baton/types.h"

namespace baton {

/// Query rows of one sequence in a ragged batch: rows [first_row, first_row + rows) of q are positions
/// [start, start + rows). A decode step has one row, a prefill chunk many; both are the same operation.
struct AttentionSequence {
  std::int64_t first_row = 0;
  std::int32_t rows = 0;
  std::int32_t start = 0;
  std::span<const BlockId> blocks;  ///< block table; covers start + rows tokens, whose KV is in the pool
};

/// Causal grouped-query attention over a paged KV pool.
struct AttentionParams {
  const void* q = nullptr;  ///< [rows][q_stride], heads × head_dim used, element type `dtype`
  void* out = nullptr;      ///< [rows][out_stride], heads × head_dim written, element type `dtype`
  std::int64_t q_stride = 0, out_stride = 0;  ///< elements
  DType dtype = DType::bf16;                  ///< f32 or bf16; the pool's own type is in pool.layout
  KvPoolView pool;
  std::int32_t layer = 0;
  std::int32_t heads = 0;  ///< a multiple of pool.layout.kv_heads
  float scale = 1.0F;
  std::int32_t window = 0;  ///< > 0: a row sees the last `window` positions, its own included
  std::span<const AttentionSequence> sequences;
};

}  // namespace baton
