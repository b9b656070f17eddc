// Paged bf16 attention on AMX tiles. Scores are computed transposed, Sᵀ = K · Qᵀ: K tiles are read straight from the
// pool, and softmax runs down the columns with one pair a lane.
#include "kernels/cpu/attention_amx.h"

#include <utility>

#include "kernels/cpu/amx.h"
#include "kernels/cpu/attention_lanes.h"
#include "kernels/cpu/transpose_avx512.h"

namespace baton::kernels {
namespace {

constexpr int kTokensPerTile = 16;
constexpr int kTokensPerStep = 32;  ///< tokens one AMX instruction sums over in P · V
constexpr int kSteps = kKvTile / kTokensPerStep;
constexpr std::int64_t kTileElements = 256;

struct AmxScratch {
  std::byte* v;     ///< [kSteps][d/16][16 token pairs][16][2] bf16
  std::byte* p;     ///< [kSteps][16 pairs][32 tokens] bf16
  float* scores;    ///< [kKvTile][16]
  float* weighted;  ///< [16][d]: P · V of one tile
  float* rescale;   ///< [16]
  LaneState states[kAttentionTiles];  ///< q: [d/32][16 pairs of d][16][2] bf16; out: [16][d]
  int count;
};

inline AmxScratch lay_out(const Pairs& pairs) {
  std::byte* at = pairs.task.scratch;
  const auto take = [&at](std::int64_t bytes) { return std::exchange(at, at + bytes); };
  const auto floats = [&take](std::int64_t n) { return reinterpret_cast<float*>(take(n * std::int64_t{sizeof(float)})); };
  const std::int64_t d = pairs.d;
  AmxScratch scratch{};
  scratch.v = take(kKvTile * d * 2);
  scratch.p = take(kSteps * kTileBytes);
  scratch.scores = floats(kKvTile * kLanes);
  scratch.weighted = floats(kLanes * d);
  scratch.rescale = floats(kLanes);
  for (std::int32_t begin = pairs.task.pair_begin; begin < pairs.task.pair_end; begin += kLanes) {
    const std::int32_t end = std::min(begin + kLanes, pairs.task.pair_end);
    void* const q = take(kLanes * d * 2);
    float* const out = floats(kLanes * d);
    float* const highest = floats(kLanes);
    float* const total = floats(kLanes);
    scratch.states[scratch.count++] =
        LaneState{q, out, highest, total, begin, end, pairs.position(begin), pairs.position(end - 1)};
  }
  return scratch;
}

inline void start_lanes(const Pairs& pairs, LaneState& state) {
  reset(state, pairs.d);
  const auto* const q = static_cast<const Bf16*>(pairs.task.params->q);
  for (std::int32_t i = 0; i < pairs.d; i += 32) {
    __m512i lines[16];
    for (std::int32_t lane = 0; lane < kLanes; ++lane) {
      const std::int32_t pair = state.begin + lane;
      lines[lane] = pair < state.end ? _mm512_loadu_si512(q + pairs.row(pair) * pairs.task.params->q_stride + pairs.head(pair) * pairs.d + i)
                                     : _mm512_setzero_si512();
    }
    transpose_16x16(lines);
    std::byte* const to = static_cast<std::byte*>(state.q) + i / 32 * kTileBytes;
    for (int line = 0; line < 16; ++line) _mm512_store_si512(to + line * kTileStride, lines[line]);
  }
}

/// V of tokens [begin, begin + count) in the order of AMX's right operand; the rest of the tile is zero.
inline void pack_v(const Pairs& pairs, std::int32_t begin, std::int32_t count, std::byte* to) {
  alignas(64) static constexpr auto kInterleave = [] {
    struct { std::uint16_t low[32], high[32]; } index{};
    for (std::uint16_t i = 0; i < 32; ++i) {
      index.low[i] = static_cast<std::uint16_t>(i / 2 + (i % 2) * 32);
      index.high[i] = static_cast<std::uint16_t>(16 + i / 2 + (i % 2) * 32);
    }
    return index;
  }();
  const __m512i low = _mm512_load_si512(kInterleave.low);
  const __m512i high = _mm512_load_si512(kInterleave.high);
  for (std::int32_t t = 0; t < kKvTile; t += 2) {
    const std::byte* const first = t < count ? kv_at(pairs.task, 1, begin + t) : nullptr;
    const std::byte* const second = t + 1 < count ? kv_at(pairs.task, 1, begin + t + 1) : nullptr;
    std::byte* line = to + t / kTokensPerStep * (kTokensPerStep * 2) * pairs.d + t % kTokensPerStep / 2 * kTileStride;
    for (std::int32_t i = 0; i < pairs.d; i += 32, line += 2 * kTileBytes) {
      const __m512i a = first != nullptr ? _mm512_loadu_si512(first + i * 2) : _mm512_setzero_si512();
      const __m512i b = second != nullptr ? _mm512_loadu_si512(second + i * 2) : _mm512_setzero_si512();
      _mm512_store_si512(line, _mm512_permutex2var_epi16(a, low, b));
      _mm512_store_si512(line + kTileBytes, _mm512_permutex2var_epi16(a, high, b));
    }
  }
}

/// scores[kKvTile][16] = K · Qᵀ for the 16-token groups that begin before `count`.
inline void score_tile(const Pairs& pairs, const LaneState& state, std::int32_t begin, std::int32_t count, float* scores) {
  const auto stride = static_cast<std::size_t>(pairs.d) * 2;
  const auto* const q = static_cast<const std::byte*>(state.q);
  const std::byte* k[4];
  const int groups = (count + kTokensPerTile - 1) / kTokensPerTile;
  // Groups beyond the end repeat the last one: their scores are not used.
  for (int g = 0; g < 4; ++g) k[g] = kv_at(pairs.task, 0, begin + std::min(g, groups - 1) * kTokensPerTile);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (std::int32_t i = 0; i < pairs.d / 32; ++i) {
    _tile_loadd(7, q + i * kTileBytes, kTileStride);
    _tile_loadd(4, k[0] + i * 64, stride);
    _tile_dpbf16ps(0, 4, 7);
    _tile_loadd(5, k[1] + i * 64, stride);
    _tile_dpbf16ps(1, 5, 7);
    _tile_loadd(6, k[2] + i * 64, stride);
    _tile_dpbf16ps(2, 6, 7);
    _tile_loadd(4, k[3] + i * 64, stride);
    _tile_dpbf16ps(3, 4, 7);
  }
  _tile_stored(0, scores, kTileStride);
  _tile_stored(1, scores + kTileElements, kTileStride);
  _tile_stored(2, scores + 2 * kTileElements, kTileStride);
  _tile_stored(3, scores + 3 * kTileElements, kTileStride);
}

/// probabilities[kKvTile][16] float32 → p[kSteps][16][32] bf16; tokens from `count` on are zero.
inline void pack_p(const float* probabilities, std::int32_t count, std::byte* p) {
  const auto token = [&](int t) {
    return t < count ? (__m256i)_mm512_cvtneps_pbh(_mm512_load_ps(probabilities + t * kLanes)) : _mm256_setzero_si256();
  };
  for (int step = 0; step < kSteps; ++step) {
    __m512i lines[16];
    for (int pair = 0; pair < 16; ++pair) {
      const __m512i even = _mm512_cvtepu16_epi32(token(step * kTokensPerStep + 2 * pair));
      const __m512i odd = _mm512_cvtepu16_epi32(token(step * kTokensPerStep + 2 * pair + 1));
      lines[pair] = _mm512_or_si512(even, _mm512_slli_epi32(odd, 16));
    }
    transpose_16x16(lines);
    for (int lane = 0; lane < 16; ++lane) _mm512_store_si512(p + step * kTileBytes + lane * kTileStride, lines[lane]);
  }
}

/// weighted[16][d] columns [0, 16 · tiles) = P · V; `tiles` is 2 or 4.
template <int tiles>
void weigh_columns(const AmxScratch& scratch, const std::byte* v, std::int64_t step_bytes, float* weighted, std::int32_t d) {
  const auto stride = static_cast<std::size_t>(d) * sizeof(float);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int step = 0; step < kSteps; ++step, v += step_bytes) {
    _tile_loadd(4, scratch.p + step * kTileBytes, kTileStride);
    _tile_loadd(5, v, kTileStride);
    _tile_dpbf16ps(0, 4, 5);
    _tile_loadd(6, v + kTileBytes, kTileStride);
    _tile_dpbf16ps(1, 4, 6);
    if constexpr (tiles == 4) {
      _tile_loadd(7, v + 2 * kTileBytes, kTileStride);
      _tile_dpbf16ps(2, 4, 7);
      _tile_loadd(5, v + 3 * kTileBytes, kTileStride);
      _tile_dpbf16ps(3, 4, 5);
    }
  }
  _tile_stored(0, weighted, stride);
  _tile_stored(1, weighted + 16, stride);
  if constexpr (tiles == 4) {
    _tile_stored(2, weighted + 32, stride);
    _tile_stored(3, weighted + 48, stride);
  }
}

/// out = out · rescale + P · V
inline void accumulate_tile(const Pairs& pairs, const AmxScratch& scratch, const LaneState& state) {
  const std::int64_t step_bytes = std::int64_t{kTokensPerStep} * 2 * pairs.d;
  std::int32_t i = 0;
  for (; i + 64 <= pairs.d; i += 64) {
    weigh_columns<4>(scratch, scratch.v + i / 16 * kTileBytes, step_bytes, scratch.weighted + i, pairs.d);
  }
  if (i < pairs.d) weigh_columns<2>(scratch, scratch.v + i / 16 * kTileBytes, step_bytes, scratch.weighted + i, pairs.d);
  const std::int32_t lanes = state.end - state.begin;
  for (std::int32_t lane = 0; lane < lanes; ++lane) {
    const Vec shrink = splat(scratch.rescale[lane]);
    float* const out = state.out + std::int64_t{lane} * pairs.d;
    const float* const weighted = scratch.weighted + std::int64_t{lane} * pairs.d;
    for (i = 0; i < pairs.d; i += kWidth) store(out + i, load(out + i) * shrink + load(weighted + i));
  }
}

inline void finish_lanes(const Pairs& pairs, const LaneState& state) {
  auto* const out = static_cast<Bf16*>(pairs.task.params->out);
  for (std::int32_t pair = state.begin; pair < state.end; ++pair) {
    const std::int32_t lane = pair - state.begin;
    const Vec inverse = splat(1.0F / state.total[lane]);
    Bf16* const to = out + pairs.row(pair) * pairs.task.params->out_stride + pairs.head(pair) * pairs.d;
    const float* const from = state.out + std::int64_t{lane} * pairs.d;
    // + 0: -0 and 0 must not differ by chunking
    for (std::int32_t i = 0; i < pairs.d; i += kWidth) store(to + i, load(from + i) * inverse + 0.0F);
  }
}

}  // namespace

bool amx_attention_fits(const AttentionParams& params) {
  const KvLayout& layout = params.pool.layout;
  return params.dtype == DType::bf16 && layout.dtype == DType::bf16 && layout.head_dim % 32 == 0 &&
         layout.block_tokens % kTokensPerTile == 0;
}

void attention_bf16_amx(const AttentionTask& task) {
  if (task.pair_begin >= task.pair_end) return;
  const TileScope tiles;
  const Pairs pairs = pairs_of(task);
  AmxScratch scratch = lay_out(pairs);
  for (int i = 0; i < scratch.count; ++i) start_lanes(pairs, scratch.states[i]);
  const std::int32_t last = scratch.states[scratch.count - 1].high;
  const std::int32_t first = pairs.first_visible(scratch.states[0].low) / kKvTile * kKvTile;
  for (std::int32_t begin = first; begin <= last; begin += kKvTile) {
    const std::int32_t count = std::min(kKvTile, last + 1 - begin);
    pack_v(pairs, begin, count, scratch.v);
    for (int i = 0; i < scratch.count; ++i) {
      const LaneState& state = scratch.states[i];
      if (!touches(pairs, state, begin)) continue;
      score_tile(pairs, state, begin, count, scratch.scores);
      mask_tile(pairs, state, begin, scratch.scores);
      softmax_tile(state, task.params->scale, scratch.scores, scratch.rescale, count);
      pack_p(scratch.scores, count, scratch.p);
      accumulate_tile(pairs, scratch, state);
    }
  }
  for (int i = 0; i < scratch.count; ++i) finish_lanes(pairs, scratch.states[i]);
}

}  // namespace baton::kernels
