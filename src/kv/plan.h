#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "baton/error.h"
#include "baton/kv_layout.h"

namespace baton::kv {

/// Bytes [source, source + bytes) of one layer of the sender's pool go to [target, target + bytes) of the same layer of
/// the receiver's. Offsets count from the layer's first byte: add layer × layer_bytes() of either side.
struct CopyRun {
  std::size_t source = 0;
  std::size_t target = 0;
  std::size_t bytes = 0;
  friend bool operator==(const CopyRun&, const CopyRun&) = default;
};

/// True when slabs of both pools are interchangeable: everything but the number of blocks is equal.
bool same_geometry(const KvLayout& a, const KvLayout& b);

/// Whole blocks, equal geometry: source[i] → target[i], neighbours merged into maximal runs. The spans have one length
/// and their ids lie in their pools.
std::vector<CopyRun> plan_blocks(const KvLayout& layout, std::span<const BlockId> source,
                                 std::span<const BlockId> target);

/// KV heads one tensor-parallel rank holds: [first, first + count) of the model's.
struct HeadRange {
  std::int32_t first = 0, count = 0;
  friend bool operator==(const HeadRange&, const HeadRange&) = default;
};
/// Heads of `rank` out of `ranks`. With more ranks than heads several ranks hold the same head. Errors: a rank count
/// that neither divides the heads nor is divided by them.
Result<HeadRange> rank_heads(std::int32_t model_heads, std::int32_t rank, std::int32_t ranks);
/// What both hold; count 0 if nothing.
HeadRange intersect(HeadRange a, HeadRange b);
/// Whether, of all ranks that hold the same heads, `rank` is the one that sends them.
bool sends_heads(std::int32_t model_heads, std::int32_t rank, std::int32_t ranks);

/// One side of a general plan: a rank's pool, its heads, and its blocks of the sequence. blocks[0] holds the tokens
/// from `first_token` on, a multiple of the side's block_tokens.
struct PlanSide {
  KvLayout layout;
  HeadRange heads;  ///< count == layout.kv_heads
  std::span<const BlockId> blocks;
  std::int32_t first_token = 0;
};

/// Tokens [begin, end), for the heads both sides hold, any block sizes: exactly the bytes of those tokens, in maximal
/// runs. Errors: head_dim or dtype differ, tokens a side's blocks do not cover, ids outside the pool.
Result<std::vector<CopyRun>> plan_tokens(const PlanSide& source, const PlanSide& target, std::int32_t begin,
                                         std::int32_t end);

}  // namespace baton::kv
