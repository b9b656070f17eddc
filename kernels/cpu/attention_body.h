// Paged attention with float32 arithmetic, any element types. Queries and output of 16 pairs are [d][16].
// Included only by the kernels_*.cc files.
#pragma once

#include <algorithm>
#include <utility>

#include "kernels/cpu/attention_lanes.h"

namespace baton::kernels {
namespace {

/// Tokens (scores) or head_dim elements (output) computed together.
constexpr int kGroup = kWidth == 16 ? 16 : 4;

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

/// scores[kKvTile][16] = K · q of the first `count` tokens.
inline void score_tile(const Pairs& pairs, const LaneState& state, const float* k, std::int32_t count, float* scores) {
  const std::int32_t d = pairs.d;
  const float* const queries = static_cast<const float*>(state.q);
  for (int t = 0; t < count; t += kGroup) {
    Vec acc[kGroup][kLaneVecs] = {};
    for (int i = 0; i < d; ++i) {
      Vec q[kLaneVecs];
#pragma GCC unroll 4
      for (int v = 0; v < kLaneVecs; ++v) q[v] = load(queries + i * kLanes + v * kWidth);
#pragma GCC unroll 16
      for (int g = 0; g < kGroup; ++g) {
        const Vec value = splat(k[(t + g) * d + i]);
#pragma GCC unroll 4
        for (int v = 0; v < kLaneVecs; ++v) acc[g][v] += value * q[v];
      }
    }
    for (int g = 0; g < kGroup; ++g) {
      for (int v = 0; v < kLaneVecs; ++v) store(scores + (t + g) * kLanes + v * kWidth, acc[g][v]);
    }
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
  reset(state, pairs.d);
  float* const queries = static_cast<float*>(state.q);
  std::fill(queries, queries + std::int64_t{pairs.d} * kLanes, 0.0F);
  const T* const q = static_cast<const T*>(pairs.task.params->q);
  for (std::int32_t pair = state.begin; pair < state.end; ++pair) {
    const T* const from = q + pairs.row(pair) * pairs.task.params->q_stride + pairs.head(pair) * pairs.d;
    for (std::int32_t i = 0; i < pairs.d; ++i) queries[i * kLanes + pair - state.begin] = as_float(from[i]);
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
      if (!touches(pairs, state, begin)) continue;
      score_tile(pairs, state, scratch.k, count, scratch.scores);
      mask_tile(pairs, state, begin, scratch.scores);
      softmax_tile(state, task.params->scale, scratch.scores, scratch.rescale, count);
      accumulate_tile(pairs, state, scratch.v, scratch.scores, scratch.rescale, count);
    }
  }
  for (int i = 0; i < scratch.count; ++i) finish_lanes<T>(pairs, scratch.states[i]);
}

}  // namespace
}  // namespace baton::kernels
