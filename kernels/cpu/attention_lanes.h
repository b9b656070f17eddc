// What every attention kernel shares: 16 (row, head) pairs lie in the lanes of a vector, and the KV is walked in tiles
// of 64 positions counted from 0, so the arithmetic of a pair depends on its position and its KV alone: tokens a pair
// may not see contribute exact zeros. Included only by the kernels_*.cc and *_amx.cc files.
#pragma once

#include <algorithm>
#include <limits>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/vec.h"

namespace baton::kernels {
namespace {

constexpr int kLanes = kAttentionLanes;
constexpr int kKvTile = kAttentionKvTile;
constexpr int kLaneVecs = kLanes / kWidth;

/// Geometry shared by everything one task does.
struct Pairs {
  const AttentionTask& task;
  std::int32_t group;   ///< query heads per kv head
  std::int32_t d;       ///< head_dim
  std::int32_t position(std::int32_t pair) const { return task.sequence->start + pair / group; }
  std::int64_t head(std::int32_t pair) const { return std::int64_t{task.kv_head} * group + pair % group; }
  std::int64_t row(std::int32_t pair) const { return task.sequence->first_row + pair / group; }
  /// First position a row at `position` sees.
  std::int32_t first_visible(std::int32_t position) const {
    return task.params->window > 0 ? std::max(0, position - task.params->window + 1) : 0;
  }
};

inline Pairs pairs_of(const AttentionTask& task) {
  const KvLayout& layout = task.params->pool.layout;
  return Pairs{task, task.params->heads / layout.kv_heads, layout.head_dim};
}

/// Running softmax of 16 pairs.
struct LaneState {
  void* q;                        ///< the pairs' queries, laid out as the score kernel likes
  float* out;                     ///< their weighted sums of V, not yet divided by `total`
  float* highest;                 ///< [16]
  float* total;                   ///< [16]
  std::int32_t begin, end;        ///< pairs
  std::int32_t low, high;         ///< positions of the first and the last pair
};

/// First KV byte of (k|v, head) at `token`.
inline const std::byte* kv_at(const AttentionTask& task, int which, std::int32_t token) {
  const KvLayout& layout = task.params->pool.layout;
  const std::int32_t block = token / layout.block_tokens;
  const std::byte* const slab = task.params->pool.slab(task.params->layer, task.sequence->blocks[static_cast<std::size_t>(block)]);
  const std::size_t run = layout.run_bytes();
  const std::size_t token_bytes = run / static_cast<std::size_t>(layout.block_tokens);
  return slab + static_cast<std::size_t>(which * layout.kv_heads + task.kv_head) * run +
         static_cast<std::size_t>(token % layout.block_tokens) * token_bytes;
}

/// Sets scores[kKvTile][16] of the tile at `begin` to -inf where a pair may not look.
inline void mask_tile(const Pairs& pairs, const LaneState& state, std::int32_t begin, float* scores) {
  const bool all_visible = begin + kKvTile - 1 <= state.low && begin >= pairs.first_visible(state.high);
  if (all_visible) return;
  for (std::int32_t lane = 0; lane < kLanes; ++lane) {
    const std::int32_t position = pairs.position(std::min(state.begin + lane, state.end - 1));
    const std::int32_t first = pairs.first_visible(position);
    for (std::int32_t t = 0; t < kKvTile; ++t) {
      if (begin + t > position || begin + t < first) {
        scores[t * kLanes + lane] = -std::numeric_limits<float>::infinity();
      }
    }
  }
}

/// Turns the first `count` rows of scores[kKvTile][16] into e^(scale · score - highest) in place, updates highest and
/// total, and writes to rescale[16] the factor by which older output shrinks. scale > 0.
inline void softmax_tile(const LaneState& state, float scale, float* scores, float* rescale, std::int32_t count) {
  const Vec nothing = splat(-std::numeric_limits<float>::infinity());
  for (int v = 0; v < kLaneVecs; ++v) {
    const int at = v * kWidth;
    const Vec before = load(state.highest + at);
    Vec most = nothing;
    for (int t = 0; t < count; ++t) most = max(most, load(scores + t * kLanes + at));
    const Vec highest = max(before, most * scale);
    const Vec base = highest == nothing ? Vec{} : highest;
    const Vec shrink = exp(before - base);
    Vec added{};
    for (int t = 0; t < count; ++t) {
      const Vec p = exp(load(scores + t * kLanes + at) * scale - base);
      added += p;
      store(scores + t * kLanes + at, p);
    }
    store(state.highest + at, highest);
    store(state.total + at, load(state.total + at) * shrink + added);
    store(rescale + at, shrink);
  }
}

/// Whether any of the state's pairs looks into the tile at `begin`.
inline bool touches(const Pairs& pairs, const LaneState& state, std::int32_t begin) {
  return begin <= state.high && begin + kKvTile > pairs.first_visible(state.low);
}

inline void reset(LaneState& state, std::int32_t d) {
  std::fill(state.out, state.out + std::int64_t{d} * kLanes, 0.0F);
  std::fill(state.highest, state.highest + kLanes, -std::numeric_limits<float>::infinity());
  std::fill(state.total, state.total + kLanes, 0.0F);
}

}  // namespace
}  // namespace baton::kernels
