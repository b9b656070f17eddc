// Paged attention with float32 arithmetic. 16 (row, head) pairs lie in the lanes of a vector; the KV is walked in
// tiles of 64 positions counted from 0, so the arithmetic of a pair depends on its position and its KV alone:
// tokens a pair may not see contribute exact zeros. Included only by the kernels_*.cc files.
#pragma once

#include <algorithm>
#include <limits>
#include <utility>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/vec.h"

namespace baton::kernels {
namespace {

constexpr int kLanes = kAttentionLanes;
constexpr int kKvTile = kAttentionKvTile;
constexpr int kLaneVecs = kLanes / kWidth;
/// Tokens (scores) or head_dim elements (output) computed together.
constexpr int kGroup = kWidth == 16 ? 16 : 4;

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

/// Running softmax of 16 pairs. `q` and `out` are [d][16]; out is not yet divided by `total`.
struct LaneState {
  float* q;
  float* out;
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

/// Tokens [begin, begin + count) of K or V as float32 [kKvTile][d]; the rest of the tile is zero.
inline void load_kv_tile(const Pairs& pairs, int which, std::int32_t begin, std::int32_t count, float* to) {
  const bool is_f32 = pairs.task.params->pool.layout.dtype == DType::f32;
  for (std::int32_t t = 0; t < count; ++t, to += pairs.d) {
    const std::byte* const from = kv_at(pairs.task, which, begin + t);
    const auto copy = [&](const auto* in) {
      for_each_vec(pairs.d, [&](std::int64_t i, auto load_at, auto store_at) { store_at(to + i, load_at(in + i)); });
    };
    if (is_f32) {
      copy(reinterpret_cast<const float*>(from));
    } else {
      copy(reinterpret_cast<const Bf16*>(from));
    }
  }
  std::fill(to, to + std::int64_t{kKvTile - count} * pairs.d, 0.0F);
}

/// scores[kKvTile][16] = scale · K · q, -inf where a pair may not look.
inline void score_tile(const Pairs& pairs, const LaneState& state, const float* k, std::int32_t begin, std::int32_t count,
                       float* scores) {
  const std::int32_t d = pairs.d;
  const Vec scale = splat(pairs.task.params->scale);
  for (int t = 0; t < count; t += kGroup) {
    Vec acc[kGroup][kLaneVecs] = {};
    for (int i = 0; i < d; ++i) {
      Vec q[kLaneVecs];
#pragma GCC unroll 4
      for (int v = 0; v < kLaneVecs; ++v) q[v] = load(state.q + i * kLanes + v * kWidth);
#pragma GCC unroll 16
      for (int g = 0; g < kGroup; ++g) {
        const Vec value = splat(k[(t + g) * d + i]);
#pragma GCC unroll 4
        for (int v = 0; v < kLaneVecs; ++v) acc[g][v] += value * q[v];
      }
    }
    for (int g = 0; g < kGroup; ++g) {
      for (int v = 0; v < kLaneVecs; ++v) store(scores + (t + g) * kLanes + v * kWidth, acc[g][v] * scale);
    }
  }
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

/// Turns the first `count` scores into probabilities e^(score - highest) in place, updates highest and total; returns through `rescale`
/// [16] the factor older output must shrink by.
inline void softmax_tile(const LaneState& state, float* scores, float* rescale, std::int32_t count) {
  const Vec nothing = splat(-std::numeric_limits<float>::infinity());
  for (int v = 0; v < kLaneVecs; ++v) {
    const int at = v * kWidth;
    const Vec before = load(state.highest + at);
    Vec highest = before;
    for (int t = 0; t < count; ++t) highest = max(highest, load(scores + t * kLanes + at));
    const Vec base = highest == nothing ? Vec{} : highest;
    const Vec shrink = exp(before - base);
    Vec added{};
    for (int t = 0; t < count; ++t) {
      const Vec p = exp(load(scores + t * kLanes + at) - base);
      added += p;
      store(scores + t * kLanes + at, p);
    }
    store(state.highest + at, highest);
    store(state.total + at, load(state.total + at) * shrink + added);
    store(rescale + at, shrink);
  }
}

/// out = out · rescale + Vᵀ · probabilities, over the first `count` tokens of the tile.
inline void accumulate_tile(const Pairs& pairs, const LaneState& state, const float* v, const float* probabilities,
                            const float* rescale, std::int32_t count) {
  const std::int32_t d = pairs.d;
  for (int i = 0; i < d; i += kGroup) {
    const int width = std::min(kGroup, d - i);
    Vec acc[kGroup][kLaneVecs];
    for (int g = 0; g < kGroup; ++g) {
      for (int n = 0; n < kLaneVecs; ++n) {
        acc[g][n] = g < width ? load(state.out + (i + g) * kLanes + n * kWidth) * load(rescale + n * kWidth) : Vec{};
      }
    }
    for (int t = 0; t < count; ++t) {
      Vec p[kLaneVecs];
#pragma GCC unroll 4
      for (int n = 0; n < kLaneVecs; ++n) p[n] = load(probabilities + t * kLanes + n * kWidth);
#pragma GCC unroll 16
      for (int g = 0; g < kGroup; ++g) {
        const Vec value = splat(v[t * d + (g < width ? i + g : i)]);
#pragma GCC unroll 4
        for (int n = 0; n < kLaneVecs; ++n) acc[g][n] += value * p[n];
      }
    }
    for (int g = 0; g < width; ++g) {
      for (int n = 0; n < kLaneVecs; ++n) store(state.out + (i + g) * kLanes + n * kWidth, acc[g][n]);
    }
  }
}

template <class T>
float as_float(T value) {
  if constexpr (sizeof(T) == 2) return to_float(value);
  else return value;
}

template <class T>
void start_lanes(const Pairs& pairs, LaneState& state) {
  std::fill(state.q, state.q + std::int64_t{pairs.d} * kLanes, 0.0F);
  std::fill(state.out, state.out + std::int64_t{pairs.d} * kLanes, 0.0F);
  std::fill(state.highest, state.highest + kLanes, -std::numeric_limits<float>::infinity());
  std::fill(state.total, state.total + kLanes, 0.0F);
  const T* const q = static_cast<const T*>(pairs.task.params->q);
  for (std::int32_t pair = state.begin; pair < state.end; ++pair) {
    const T* const from = q + pairs.row(pair) * pairs.task.params->q_stride + pairs.head(pair) * pairs.d;
    for (std::int32_t i = 0; i < pairs.d; ++i) state.q[i * kLanes + pair - state.begin] = as_float(from[i]);
  }
}

template <class T>
void finish_lanes(const Pairs& pairs, const LaneState& state) {
  T* const out = static_cast<T*>(pairs.task.params->out);
  for (std::int32_t pair = state.begin; pair < state.end; ++pair) {
    const std::int32_t lane = pair - state.begin;
    const float inverse = 1.0F / state.total[lane];
    T* const to = out + pairs.row(pair) * pairs.task.params->out_stride + pairs.head(pair) * pairs.d;
    for (std::int32_t i = 0; i < pairs.d; ++i) {
      const float value = state.out[i * kLanes + lane] * inverse + 0.0F;  // + 0: -0 and 0 must not differ by chunking
      if constexpr (sizeof(T) == 2) to[i] = to_bf16(value);
      else to[i] = value;
    }
  }
}

/// Lays a task's scratch out; returns the lane groups, sets where tiles go.
struct AttentionScratch {
  float* k;
  float* v;
  float* scores;
  float* rescale;
  LaneState states[kAttentionTiles];
  int count = 0;
};

inline AttentionScratch lay_out(const Pairs& pairs) {
  float* at = reinterpret_cast<float*>(pairs.task.scratch);
  const auto take = [&at](std::int64_t n) { return std::exchange(at, at + (n + 15) / 16 * 16); };
  AttentionScratch scratch{};
  scratch.k = take(std::int64_t{kKvTile} * pairs.d);
  scratch.v = take(std::int64_t{kKvTile} * pairs.d);
  scratch.scores = take(kKvTile * kLanes);
  scratch.rescale = take(kLanes);
  for (std::int32_t begin = pairs.task.pair_begin; begin < pairs.task.pair_end; begin += kLanes) {
    const std::int32_t end = std::min(begin + kLanes, pairs.task.pair_end);
    float* const q = take(std::int64_t{pairs.d} * kLanes);
    float* const out = take(std::int64_t{pairs.d} * kLanes);
    float* const highest = take(kLanes);
    float* const total = take(kLanes);
    scratch.states[scratch.count++] =
        LaneState{q, out, highest, total, begin, end, pairs.position(begin), pairs.position(end - 1)};
  }
  return scratch;
}

template <class T>
void attention(const AttentionTask& task) {
  if (task.pair_begin >= task.pair_end) return;
  const Pairs pairs = pairs_of(task);
  AttentionScratch scratch = lay_out(pairs);
  for (int i = 0; i < scratch.count; ++i) start_lanes<T>(pairs, scratch.states[i]);
  const std::int32_t last = scratch.states[scratch.count - 1].high;
  const std::int32_t first = pairs.first_visible(scratch.states[0].low) / kKvTile * kKvTile;
  for (std::int32_t begin = first; begin <= last; begin += kKvTile) {
    const std::int32_t count = std::min(kKvTile, last + 1 - begin);
    load_kv_tile(pairs, 0, begin, count, scratch.k);
    load_kv_tile(pairs, 1, begin, count, scratch.v);
    for (int i = 0; i < scratch.count; ++i) {
      const LaneState& state = scratch.states[i];
      if (begin > state.high || begin + kKvTile <= pairs.first_visible(state.low)) continue;
      score_tile(pairs, state, scratch.k, begin, count, scratch.scores);
      softmax_tile(state, scratch.scores, scratch.rescale, count);
      accumulate_tile(pairs, state, scratch.v, scratch.scores, scratch.rescale, count);
    }
  }
  for (int i = 0; i < scratch.count; ++i) finish_lanes<T>(pairs, scratch.states[i]);
}

}  // namespace
}  // namespace baton::kernels
