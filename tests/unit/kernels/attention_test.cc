#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "kernels/cpu/ops.h"
#include "support.h"

namespace baton::kernels {
namespace {

using testing::random_floats;
using testing::relative_l2;
using testing::same_bits;

/// A pool full of NaN except for the KV of the sequences in it.
struct Model {
  std::int32_t heads = 4, kv_heads = 2, head_dim = 64, block_tokens = 16, window = 0;
  DType dtype = DType::f32, kv_dtype = DType::f32;
};

float rounded(float value, DType dtype) { return dtype == DType::bf16 ? to_float(to_bf16(value)) : value; }

/// One sequence: queries, keys and values of all its positions, as the types in question hold them.
struct Sequence {
  std::int32_t length;
  std::vector<float> q, k, v;  // [length][heads or kv_heads][head_dim]
  std::vector<BlockId> blocks;
};

class World {
 public:
  World(Model model, std::vector<std::int32_t> lengths, std::uint32_t seed) : model_(model) {
    layout_ = KvLayout{.layers = 2, .blocks = 1, .kv_heads = model.kv_heads, .block_tokens = model.block_tokens,
                       .head_dim = model.head_dim, .dtype = model.kv_dtype};
    std::int32_t total = 1;
    for (const std::int32_t length : lengths) total += layout_.blocks_for(length) + 1;
    layout_.blocks = total;
    std::vector<BlockId> ids(static_cast<std::size_t>(total));
    std::iota(ids.begin(), ids.end(), 0);
    std::shuffle(ids.begin(), ids.end(), std::mt19937(seed));
    pool_.assign(layout_.total_bytes(), std::byte{0xFF});  // NaN in both types
    for (const std::int32_t length : lengths) add(length, ids, ++seed);
  }

  std::vector<Sequence> sequences;

  /// Output rows of positions [start, start + rows) of each listed sequence, computed in one call, as float32.
  struct Chunk {
    std::size_t sequence;
    std::int32_t start, rows;
  };
  std::vector<float> attend(CpuDevice& device, const std::vector<Chunk>& chunks) {
    const std::int64_t width = std::int64_t{model_.heads} * model_.head_dim;
    const std::int64_t q_stride = width + 16;
    std::int64_t rows = 0;
    std::vector<AttentionSequence> list;
    for (const Chunk& chunk : chunks) {
      list.push_back(AttentionSequence{rows, chunk.rows, chunk.start, sequences[chunk.sequence].blocks});
      rows += chunk.rows;
    }
    std::vector<float> q(static_cast<std::size_t>(rows * q_stride), std::numeric_limits<float>::quiet_NaN());
    auto* to = q.data();
    for (const Chunk& chunk : chunks) {
      const float* const from = sequences[chunk.sequence].q.data() + chunk.start * width;
      for (std::int32_t row = 0; row < chunk.rows; ++row, to += q_stride) std::copy_n(from + row * width, width, to);
    }
    AttentionParams params{.q_stride = q_stride, .out_stride = width, .dtype = model_.dtype,
                           .pool = KvPoolView{pool_.data(), layout_}, .layer = 1, .heads = model_.heads,
                           .scale = scale(), .window = model_.window, .sequences = list};
    std::vector<float> out(static_cast<std::size_t>(rows * width), std::numeric_limits<float>::quiet_NaN());
    if (model_.dtype == DType::f32) {
      params.q = q.data();
      params.out = out.data();
      attention(device, params);
      return out;
    }
    const auto q16 = testing::as_bf16(q);
    std::vector<Bf16> out16(out.size(), Bf16{0x7FC0});
    params.q = q16.data();
    params.out = out16.data();
    attention(device, params);
    return testing::as_float(out16);
  }

  std::vector<double> reference(const Chunk& chunk) const {
    const Sequence& s = sequences[chunk.sequence];
    std::vector<double> out;
    for (std::int32_t position = chunk.start; position < chunk.start + chunk.rows; ++position) {
      for (std::int32_t head = 0; head < model_.heads; ++head) append_head(s, position, head, out);
    }
    return out;
  }

 private:
  float scale() const { return 1.0F / std::sqrt(static_cast<float>(model_.head_dim)); }

  void add(std::int32_t length, std::vector<BlockId>& ids, std::uint32_t seed) {
    Sequence s{.length = length, .q = values(length, model_.heads, seed * 3, model_.dtype),
               .k = values(length, model_.kv_heads, seed * 3 + 1, model_.kv_dtype),
               .v = values(length, model_.kv_heads, seed * 3 + 2, model_.kv_dtype), .blocks = {}};
    for (std::int32_t b = 0; b < layout_.blocks_for(length); ++b) {
      s.blocks.push_back(ids.back());
      ids.pop_back();
    }
    for (std::int32_t token = 0; token < length; ++token) {
      for (std::int32_t head = 0; head < model_.kv_heads; ++head) write(s, token, head);
    }
    sequences.push_back(std::move(s));
  }

  std::vector<float> values(std::int32_t length, std::int32_t heads, std::uint32_t seed, DType dtype) const {
    auto result = random_floats(static_cast<std::size_t>(length) * static_cast<std::size_t>(heads * model_.head_dim), seed);
    for (float& value : result) value = rounded(value, dtype);
    return result;
  }

  void write(const Sequence& s, std::int32_t token, std::int32_t head) {
    const KvPoolView view{pool_.data(), layout_};
    for (int which = 0; which < 2; ++which) {
      const auto& from = which == 0 ? s.k : s.v;
      std::byte* to = view.slab(1, s.blocks[static_cast<std::size_t>(token / layout_.block_tokens)]) +
                      static_cast<std::size_t>(which * model_.kv_heads + head) * layout_.run_bytes();
      const std::int64_t at = (std::int64_t{token} * model_.kv_heads + head) * model_.head_dim;
      for (std::int32_t i = 0; i < model_.head_dim; ++i) {
        const std::int64_t slot = std::int64_t{token % layout_.block_tokens} * model_.head_dim + i;
        const float value = from[static_cast<std::size_t>(at + i)];
        if (layout_.dtype == DType::f32) {
          reinterpret_cast<float*>(to)[slot] = value;
        } else {
          reinterpret_cast<Bf16*>(to)[slot] = to_bf16(value);
        }
      }
    }
  }

  void append_head(const Sequence& s, std::int32_t position, std::int32_t head, std::vector<double>& out) const {
    const std::int32_t kv_head = head / (model_.heads / model_.kv_heads);
    const std::int32_t first = model_.window > 0 ? std::max(0, position - model_.window + 1) : 0;
    const auto at = [&](const std::vector<float>& from, std::int32_t token, std::int32_t heads, std::int32_t h, std::int32_t i) {
      return static_cast<double>(from[static_cast<std::size_t>((std::int64_t{token} * heads + h) * model_.head_dim + i)]);
    };
    std::vector<double> weights;
    double highest = -1e300;
    for (std::int32_t t = first; t <= position; ++t) {
      double score = 0.0;
      for (std::int32_t i = 0; i < model_.head_dim; ++i) {
        score += at(s.q, position, model_.heads, head, i) * at(s.k, t, model_.kv_heads, kv_head, i);
      }
      weights.push_back(score * static_cast<double>(scale()));
      highest = std::max(highest, weights.back());
    }
    double total = 0.0;
    for (double& weight : weights) total += weight = std::exp(weight - highest);
    for (std::int32_t i = 0; i < model_.head_dim; ++i) {
      double sum = 0.0;
      for (std::int32_t t = first; t <= position; ++t) {
        sum += weights[static_cast<std::size_t>(t - first)] * at(s.v, t, model_.kv_heads, kv_head, i);
      }
      out.push_back(sum / total);
    }
  }

  Model model_;
  KvLayout layout_;
  std::vector<std::byte> pool_;
};

struct Case {
  Isa isa;
  Model model;
};

std::vector<Case> cases() {
  std::vector<Case> result;
  for (const Isa isa : supported_isas()) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      result.push_back({isa, {.heads = 4, .kv_heads = 2, .head_dim = 64, .dtype = dtype, .kv_dtype = dtype}});
      result.push_back({isa, {.heads = 6, .kv_heads = 1, .head_dim = 128, .block_tokens = 32, .window = 70, .dtype = dtype, .kv_dtype = dtype}});
      result.push_back({isa, {.heads = 3, .kv_heads = 3, .head_dim = 20, .block_tokens = 64, .dtype = dtype, .kv_dtype = dtype}});
      result.push_back({isa, {.heads = 40, .kv_heads = 2, .head_dim = 96, .window = 5, .dtype = dtype, .kv_dtype = dtype}});
    }
    result.push_back({isa, {.heads = 2, .kv_heads = 1, .head_dim = 32, .dtype = DType::f32, .kv_dtype = DType::bf16}});
    result.push_back({isa, {.heads = 2, .kv_heads = 1, .head_dim = 32, .dtype = DType::bf16, .kv_dtype = DType::f32}});
  }
  return result;
}

std::string label(const ::testing::TestParamInfo<Case>& test) {
  const Model& m = test.param.model;
  const auto type = [](DType t) { return t == DType::f32 ? "f32" : "bf16"; };
  return testing::isa_label(test.param.isa) + "_d" + std::to_string(m.head_dim) + "_h" + std::to_string(m.heads) + "_w" +
         std::to_string(m.window) + "_" + type(m.dtype) + "_kv_" + type(m.kv_dtype);
}

class Attention : public ::testing::TestWithParam<Case> {
 protected:
  CpuDevice device_{GetParam().isa, 2};
};
INSTANTIATE_TEST_SUITE_P(EveryIsa, Attention, ::testing::ValuesIn(cases()), label);

TEST_P(Attention, AgreesWithDoublePrecisionAtEdgeLengths) {
  World world(GetParam().model, {1, 2, 15, 16, 17, 63, 64, 65, 130, 200}, 1);
  const double tolerance = GetParam().model.dtype == DType::f32 ? 1e-6 : 5e-3;
  for (std::size_t s = 0; s < world.sequences.size(); ++s) {
    const World::Chunk chunk{s, 0, world.sequences[s].length};
    EXPECT_LT(relative_l2(world.attend(device_, {chunk}), world.reference(chunk)), tolerance) << "length " << chunk.rows;
  }
}

TEST_P(Attention, ARowIsTheSameBitForBitHoweverTheBatchIsCut) {
  World world(GetParam().model, {300, 77, 190}, 2);
  const std::int64_t width = std::int64_t{GetParam().model.heads} * GetParam().model.head_dim;
  std::vector<std::vector<float>> whole;
  for (std::size_t s = 0; s < 3; ++s) whole.push_back(world.attend(device_, {{s, 0, world.sequences[s].length}}));
  std::mt19937 random(3);
  for (int trial = 0; trial < 30; ++trial) {
    std::vector<World::Chunk> chunks;
    for (std::size_t s = 0; s < 3; ++s) {
      const auto start = static_cast<std::int32_t>(random() % static_cast<unsigned>(world.sequences[s].length));
      const auto most = static_cast<unsigned>(world.sequences[s].length - start);
      chunks.push_back({s, start, trial % 2 == 0 ? 1 : static_cast<std::int32_t>(1 + random() % most)});
    }
    std::shuffle(chunks.begin(), chunks.end(), random);
    const auto out = world.attend(device_, chunks);
    const float* at = out.data();
    for (const World::Chunk& chunk : chunks) {
      const auto n = static_cast<std::size_t>(chunk.rows * width);
      ASSERT_TRUE(same_bits(at, whole[chunk.sequence].data() + chunk.start * width, n))
          << "sequence " << chunk.sequence << " rows " << chunk.start << "+" << chunk.rows;
      at += n;
    }
  }
}

TEST_P(Attention, ASequenceWithoutRowsIsSkipped) {
  World world(GetParam().model, {5, 6}, 4);
  const auto alone = world.attend(device_, {{1, 2, 3}});
  const auto with_empty = world.attend(device_, {{0, 0, 0}, {1, 2, 3}});
  EXPECT_TRUE(same_bits(alone.data(), with_empty.data(), alone.size()));
}

TEST_P(Attention, HugeScoresDoNotOverflow) {
  World world(GetParam().model, {70}, 5);
  for (float& value : world.sequences[0].q) value *= 1000.0F;
  for (const float value : world.attend(device_, {{0, 0, 70}})) ASSERT_TRUE(std::isfinite(value));
}

}  // namespace
}  // namespace baton::kernels
