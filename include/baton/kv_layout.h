#pragma once

#include <cstddef>
#include <cstdint>

#include "baton/types.h"

namespace baton {

/// Geometry of one rank's paged KV pool, `[layer][block][k|v][kv_head][token][head_dim]`, contiguous.
/// A (layer, block) slab is contiguous, and so is one (k|v, head) of it. All sizes are in bytes.
struct KvLayout {
  std::int32_t layers = 0;
  std::int32_t blocks = 0;
  std::int32_t kv_heads = 0;
  std::int32_t block_tokens = 16;  ///< 16, 32 or 64
  std::int32_t head_dim = 0;
  DType dtype = DType::bf16;

  /// One (k|v, head) of a block: block_tokens × head_dim elements.
  constexpr std::size_t run_bytes() const {
    return static_cast<std::size_t>(block_tokens) * static_cast<std::size_t>(head_dim) * dtype_bits(dtype) / 8;
  }
  constexpr std::size_t slab_bytes() const { return 2 * static_cast<std::size_t>(kv_heads) * run_bytes(); }
  constexpr std::size_t layer_bytes() const { return static_cast<std::size_t>(blocks) * slab_bytes(); }
  constexpr std::size_t total_bytes() const { return static_cast<std::size_t>(layers) * layer_bytes(); }
  /// KV bytes of one token over all layers.
  constexpr std::size_t token_bytes() const {
    return static_cast<std::size_t>(layers) * slab_bytes() / static_cast<std::size_t>(block_tokens);
  }
  constexpr std::size_t slab_offset(std::int32_t layer, BlockId block) const {
    return static_cast<std::size_t>(layer) * layer_bytes() + static_cast<std::size_t>(block) * slab_bytes();
  }
  constexpr std::int32_t blocks_for(std::int64_t tokens) const {
    return static_cast<std::int32_t>((tokens + block_tokens - 1) / block_tokens);
  }
  friend bool operator==(const KvLayout&, const KvLayout&) = default;
};

/// A pool's memory with its geometry. Non-owning; whoever allocated the memory outlives every view.
struct KvPoolView {
  std::byte* base = nullptr;
  KvLayout layout;
  std::byte* slab(std::int32_t layer, BlockId block) const { return base + layout.slab_offset(layer, block); }
};

}  // namespace baton
