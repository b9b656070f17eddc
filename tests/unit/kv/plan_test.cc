#include "kv/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <numeric>
#include <random>
#include <tuple>

namespace baton::kv {
namespace {

KvLayout layout_of(std::int32_t blocks, std::int32_t heads, std::int32_t block_tokens) {
  return {.layers = 1,
          .blocks = blocks,
          .kv_heads = heads,
          .block_tokens = block_tokens,
          .head_dim = 4,
          .dtype = DType::f16};
}

std::vector<BlockId> shuffled_blocks(std::int32_t count, std::int32_t pool, std::mt19937& random) {
  std::vector<BlockId> ids(static_cast<std::size_t>(pool));
  std::iota(ids.begin(), ids.end(), 0);
  std::ranges::shuffle(ids, random);
  ids.resize(static_cast<std::size_t>(count));
  return ids;
}

/// The definition itself: where byte `byte` of (half, model head, token) lies.
std::size_t naive_offset(const PlanSide& s, int half, int head, int token, std::size_t byte) {
  const KvLayout& l = s.layout;
  const int at = token - s.first_token;
  const std::size_t dim_bytes = static_cast<std::size_t>(l.head_dim) * 2;
  const auto block = static_cast<std::size_t>(s.blocks[static_cast<std::size_t>(at / l.block_tokens)]);
  return ((block * 2 + static_cast<std::size_t>(half)) * static_cast<std::size_t>(l.kv_heads) +
          static_cast<std::size_t>(head - s.heads.first)) *
             static_cast<std::size_t>(l.block_tokens) * dim_bytes +
         static_cast<std::size_t>(at % l.block_tokens) * dim_bytes + byte;
}

std::vector<std::uint16_t> apply(const std::vector<CopyRun>& runs, const std::vector<std::uint16_t>& source,
                                 std::size_t target_bytes) {
  std::vector<std::uint16_t> target(target_bytes / 2, 0xdead);
  for (const CopyRun& run : runs) {
    std::copy_n(source.begin() + static_cast<std::ptrdiff_t>(run.source / 2), run.bytes / 2,
                target.begin() + static_cast<std::ptrdiff_t>(run.target / 2));
  }
  return target;
}

}  // namespace

TEST(PlanBlocks, merges_blocks_that_are_neighbours_on_both_sides) {
  const KvLayout layout = layout_of(16, 2, 16);
  const std::size_t slab = layout.slab_bytes();
  const std::vector<BlockId> source{3, 4, 5, 9, 10, 1}, target{0, 1, 2, 3, 5, 6};
  EXPECT_EQ(plan_blocks(layout, source, target), (std::vector<CopyRun>{{3 * slab, 0, 3 * slab},
                                                                       {9 * slab, 3 * slab, slab},
                                                                       {10 * slab, 5 * slab, slab},
                                                                       {1 * slab, 6 * slab, slab}}));
  EXPECT_TRUE(plan_blocks(layout, {}, {}).empty());
}

TEST(PlanBlocks, same_geometry_ignores_only_the_number_of_blocks) {
  EXPECT_TRUE(same_geometry(layout_of(3, 2, 16), layout_of(99, 2, 16)));
  EXPECT_FALSE(same_geometry(layout_of(3, 2, 16), layout_of(3, 2, 32)));
  EXPECT_FALSE(same_geometry(layout_of(3, 2, 16), layout_of(3, 4, 16)));
}

TEST(PlanTokens, equals_a_naive_gather_and_scatter_for_any_geometry_and_range) {
  std::mt19937 random(7);
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  for (int round = 0; round < 300; ++round) {
    const std::int32_t model_heads = 4;
    const std::int32_t source_ranks = 1 << pick(0, 3), target_ranks = 1 << pick(0, 3);
    const HeadRange source_heads = *rank_heads(model_heads, pick(0, source_ranks - 1), source_ranks);
    const HeadRange target_heads = *rank_heads(model_heads, pick(0, target_ranks - 1), target_ranks);
    const KvLayout from = layout_of(20, source_heads.count, 16 << pick(0, 2));
    const KvLayout to = layout_of(20, target_heads.count, 16 << pick(0, 2));
    const std::int32_t tokens = pick(1, 200), first = std::min(tokens, pick(0, 3) * to.block_tokens);
    const std::int32_t target_first = first / to.block_tokens * to.block_tokens;
    const std::int32_t begin = pick(target_first, tokens);
    const auto source_blocks = shuffled_blocks(from.blocks_for(tokens), 20, random);
    const auto target_blocks = shuffled_blocks(to.blocks_for(tokens - target_first), 20, random);
    const PlanSide source{from, source_heads, source_blocks, 0};
    const PlanSide target{to, target_heads, target_blocks, target_first};
    const auto runs = plan_tokens(source, target, begin, tokens);
    ASSERT_TRUE(runs.has_value()) << runs.error().message;

    std::vector<std::uint16_t> pool(from.layer_bytes() / 2);
    std::iota(pool.begin(), pool.end(), std::uint16_t{0});
    std::vector<std::uint16_t> expected(to.layer_bytes() / 2, 0xdead);
    for (int half = 0; half < 2; ++half) {
      for (int head = 0; head < model_heads; ++head) {
        if (intersect({head, 1}, intersect(source_heads, target_heads)).count == 0) continue;
        for (int token = begin; token < tokens; ++token) {
          for (std::size_t byte = 0; byte < 8; byte += 2) {
            expected[naive_offset(target, half, head, token, byte) / 2] =
                pool[naive_offset(source, half, head, token, byte) / 2];
          }
        }
      }
    }
    ASSERT_EQ(apply(*runs, pool, to.layer_bytes()), expected) << "round " << round;
  }
}

TEST(PlanTokens, whole_blocks_of_equal_geometry_are_the_same_runs_as_plan_blocks) {
  std::mt19937 random(3);
  const KvLayout layout = layout_of(32, 2, 16);
  const auto source = shuffled_blocks(5, 32, random), target = shuffled_blocks(5, 32, random);
  EXPECT_EQ(*plan_tokens({layout, {0, 2}, source}, {layout, {0, 2}, target}, 0, 80),
            plan_blocks(layout, source, target));
}

TEST(PlanTokens, disjoint_heads_move_nothing) {
  const KvLayout layout = layout_of(4, 1, 16);
  const std::vector<BlockId> blocks{0};
  EXPECT_TRUE(plan_tokens({layout, {0, 1}, blocks}, {layout, {1, 1}, blocks}, 0, 16)->empty());
}

TEST(PlanTokens, refuses_what_the_blocks_do_not_cover) {
  const KvLayout layout = layout_of(4, 1, 16);
  const std::vector<BlockId> blocks{0, 1}, outside{0, 4}, negative{-1, 2};
  const PlanSide good{layout, {0, 1}, blocks};
  EXPECT_EQ(plan_tokens(good, good, 0, 33).error().code, Errc::protocol);
  EXPECT_EQ(plan_tokens(good, {layout, {0, 1}, blocks, 16}, 8, 20).error().code, Errc::protocol);
  EXPECT_EQ(plan_tokens(good, good, 9, 8).error().code, Errc::protocol);
  EXPECT_EQ(plan_tokens(good, {layout, {0, 1}, outside}, 0, 32).error().code, Errc::protocol);
  EXPECT_EQ(plan_tokens({layout, {0, 1}, negative}, good, 0, 32).error().code, Errc::protocol);
  EXPECT_EQ(plan_tokens({layout, {0, 2}, blocks}, good, 0, 32).error().code, Errc::protocol);
  KvLayout other = layout;
  other.dtype = DType::f32;
  EXPECT_EQ(plan_tokens(good, {other, {0, 1}, blocks}, 0, 32).error().code, Errc::protocol);
  KvLayout odd = layout;
  odd.head_dim = 3;
  odd.dtype = DType::int4;
  EXPECT_EQ(plan_tokens({odd, {0, 1}, blocks}, {odd, {0, 1}, blocks}, 0, 32).error().code, Errc::protocol);
}

TEST(RankHeads, ranks_cover_every_head_and_each_head_has_one_sender) {
  for (const std::int32_t heads : {1, 2, 4, 8}) {
    for (const std::int32_t ranks : {1, 2, 4, 8, 16}) {
      std::vector<int> senders(static_cast<std::size_t>(heads));
      for (std::int32_t rank = 0; rank < ranks; ++rank) {
        const HeadRange range = *rank_heads(heads, rank, ranks);
        for (std::int32_t head = range.first; head < range.first + range.count; ++head) {
          senders[static_cast<std::size_t>(head)] += sends_heads(heads, rank, ranks) ? 1 : 0;
        }
      }
      EXPECT_TRUE(std::ranges::all_of(senders, [](int n) { return n == 1; }))
          << heads << " heads, " << ranks << " ranks";
    }
  }
  EXPECT_EQ(rank_heads(8, 0, 3).error().code, Errc::config);
  EXPECT_EQ(rank_heads(8, 4, 4).error().code, Errc::config);
  EXPECT_EQ(rank_heads(8, 0, 0).error().code, Errc::config);
}

}  // namespace baton::kv
