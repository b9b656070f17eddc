#include "kv/block_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <random>

namespace baton::kv {
namespace {

std::vector<TokenId> tokens_of(std::int32_t count, TokenId start = 0) {
  std::vector<TokenId> tokens(static_cast<std::size_t>(count));
  std::iota(tokens.begin(), tokens.end(), start);
  return tokens;
}
std::vector<BlockId> ids(const BlockLease& lease) {
  return {lease.blocks().begin(), lease.blocks().end()};
}

}  // namespace

TEST(BlockPool, take_is_all_or_nothing_and_gives_contiguous_ids) {
  BlockPool pool(8, 4);
  auto lease = pool.take(5);
  EXPECT_EQ(ids(*lease), (std::vector<BlockId>{0, 1, 2, 3, 4}));
  EXPECT_FALSE(pool.take(4).has_value());
  EXPECT_EQ(pool.available(), 3);
  EXPECT_TRUE(pool.take(0).has_value());
  lease->release();
  EXPECT_EQ(pool.counts().free, 8);
  EXPECT_EQ(ids(*pool.take(3)), (std::vector<BlockId>{0, 1, 2}));
  EXPECT_TRUE(pool.audit());
}

TEST(BlockPool, published_blocks_are_matched_by_whole_blocks_and_survive_their_holder) {
  BlockPool pool(8, 4);
  const auto tokens = tokens_of(11);
  auto lease = pool.take(3);
  const auto blocks = ids(*lease);
  pool.publish({}, tokens, lease->blocks());
  EXPECT_EQ(ids(pool.match(tokens)), (std::vector<BlockId>{blocks[0], blocks[1]}));
  lease->release();
  EXPECT_EQ(pool.counts().cached, 2);
  EXPECT_EQ(pool.counts().free, 6);
  EXPECT_EQ(pool.match(tokens_of(7)).size(), 1);
  EXPECT_EQ(pool.match(tokens_of(3)).size(), 0);
  EXPECT_EQ(pool.match(tokens_of(11, 1)).size(), 0);
  EXPECT_TRUE(pool.audit());
}

TEST(BlockPool, equal_blocks_below_different_prefixes_are_different) {
  BlockPool pool(8, 2);
  const std::vector<TokenId> a{1, 1, 9, 9}, b{2, 2, 9, 9};
  auto lease = pool.take(2);
  pool.publish({}, a, lease->blocks());
  EXPECT_EQ(pool.match(b).size(), 0);
  EXPECT_EQ(pool.match(std::vector<TokenId>{9, 9}).size(), 0);
}

TEST(BlockPool, a_twin_does_not_displace_the_published_block) {
  BlockPool pool(8, 4);
  const auto tokens = tokens_of(8);
  auto first = pool.take(2), twin = pool.take(2);
  pool.publish({}, std::span(tokens).first(4), first->blocks());
  const PrefixCursor cursor = pool.publish({}, tokens, twin->blocks());
  EXPECT_EQ(cursor.blocks, 2);
  EXPECT_EQ(ids(pool.match(tokens)), (std::vector<BlockId>{first->blocks()[0], twin->blocks()[1]}));
  twin->release();
  EXPECT_EQ(pool.counts().cached, 1);
  EXPECT_TRUE(pool.audit());
}

TEST(BlockPool, an_evicted_parent_hides_its_children_until_they_are_published_again) {
  BlockPool pool(4, 4);
  const auto tokens = tokens_of(8);
  auto first = pool.take(1), twin = pool.take(2);
  pool.publish({}, std::span(tokens).first(4), first->blocks());
  pool.publish({}, tokens, twin->blocks());
  first->release();
  auto pressure = pool.take(2);  // evicts the parent
  EXPECT_EQ(pool.match(tokens).size(), 0);
  pool.publish({}, tokens, twin->blocks());
  EXPECT_EQ(ids(pool.match(tokens)), ids(*twin));
  EXPECT_TRUE(pool.audit());
}

TEST(BlockPool, evicts_least_recently_used_first_and_tails_before_heads) {
  BlockPool pool(4, 2);
  const auto a = tokens_of(4, 0), b = tokens_of(4, 100);
  for (const auto& tokens : {a, b}) {
    auto lease = pool.take(2);
    pool.publish({}, tokens, lease->blocks());
  }
  EXPECT_EQ(pool.match(a).size(), 2);  // touches a
  auto taken = pool.take(1);
  EXPECT_EQ(pool.match(b).size(), 1);  // lost its tail, keeps its head
  EXPECT_EQ(pool.match(a).size(), 2);
  auto more = pool.take(2);  // b was matched before a: b's head goes, then a's tail
  EXPECT_EQ(pool.match(b).size(), 0);
  EXPECT_EQ(pool.match(a).size(), 1);
  EXPECT_TRUE(pool.audit());
}

TEST(BlockPool, shared_blocks_are_free_only_after_the_last_holder) {
  BlockPool pool(2, 2);
  const auto tokens = tokens_of(4);
  auto lease = pool.take(2);
  pool.publish({}, tokens, lease->blocks());
  auto shared = pool.match(tokens);
  lease->release();
  EXPECT_EQ(pool.available(), 0);
  EXPECT_FALSE(pool.take(1).has_value());
  shared.release();
  EXPECT_EQ(pool.available(), 2);
}

TEST(BlockPool, drained_blocks_stay_out_of_use_until_released) {
  BlockPool pool(4, 2);
  auto granted = pool.grant(3);
  EXPECT_EQ(pool.counts().granted, 3);
  granted->drain();
  EXPECT_EQ(pool.counts().draining, 3);
  EXPECT_EQ(pool.available(), 1);
  EXPECT_TRUE(pool.audit());
  granted->release();
  EXPECT_EQ(pool.available(), 4);
}

TEST(BlockPool, draining_gives_shared_prefix_blocks_back_at_once) {
  BlockPool pool(4, 2);
  const auto tokens = tokens_of(4);
  auto lease = pool.take(2);
  pool.publish({}, tokens, lease->blocks());
  lease->release();
  auto reservation = pool.match(tokens);
  reservation.append(std::move(*pool.grant(2)));
  reservation.drain();
  EXPECT_EQ(pool.counts().cached, 2);
  EXPECT_EQ(pool.counts().draining, 2);
  EXPECT_EQ(reservation.size(), 2);
  EXPECT_TRUE(pool.audit());
}

TEST(BlockPool, committed_blocks_can_be_published) {
  BlockPool pool(4, 2);
  const auto tokens = tokens_of(6);
  auto lease = pool.match(tokens);
  lease.append(std::move(*pool.grant(3)));
  lease.committed();
  EXPECT_EQ(pool.counts().held, 3);
  pool.publish({}, tokens, lease.blocks());
  BlockLease moved = std::move(lease);
  EXPECT_EQ(lease.size(), 0);
  moved.release();
  EXPECT_EQ(pool.counts().cached, 3);
  pool.clear_cache();
  EXPECT_EQ(pool.counts().free, 4);
  EXPECT_TRUE(pool.audit());
}

TEST(BlockPool, conserves_blocks_over_random_histories) {
  std::mt19937 random(11);
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  BlockPool pool(40, 2);
  struct Holder {
    BlockLease lease;
    std::vector<TokenId> tokens;
    PrefixCursor cursor;
    std::size_t published = 0;
    bool granted = false;
  };
  std::vector<Holder> holders;
  for (int step = 0; step < 100'000; ++step) {
    const int what = pick(0, 5);
    if (what <= 1) {  // arrive with a prompt out of few, so that prefixes are shared
      Holder h;
      for (int i = 0, n = pick(1, 16); i < n; ++i) h.tokens.push_back(i < 6 ? 0 : pick(0, 1));
      h.lease = pool.match(h.tokens);
      h.granted = what == 1;
      const int need = static_cast<int>((h.tokens.size() + 1) / 2) - h.lease.size();
      auto rest = h.granted ? pool.grant(need) : pool.take(need);
      if (rest) {
        h.lease.append(std::move(*rest));
        holders.push_back(std::move(h));
      }
    } else if (!holders.empty()) {
      auto& h = holders[static_cast<std::size_t>(pick(0, static_cast<int>(holders.size()) - 1))];
      if (what == 2 && !h.granted) {
        h.published = static_cast<std::size_t>(pick(static_cast<int>(h.published), static_cast<int>(h.tokens.size())));
        h.cursor = pool.publish(h.cursor, std::span(h.tokens).first(h.published), h.lease.blocks());
      } else if (what == 3) {
        h.lease.committed();
        h.granted = false;
      } else if (what == 4) {
        h.lease.drain();
      }
      if (what >= 4) {
        std::swap(h, holders.back());
        holders.pop_back();
      }
    }
    ASSERT_EQ(pool.counts().total(), 40);
    ASSERT_TRUE(pool.audit()) << "step " << step;
  }
  holders.clear();
  EXPECT_EQ(pool.available(), 40);
}

TEST(PrefixIndex, forgets_erased_blocks_and_finds_the_others_in_one_bucket) {
  PrefixIndex index(3, 1);  // few buckets, so chains form
  const std::vector<TokenId> t{5, 6, 7};
  for (BlockId b = 0; b < 3; ++b)
    index.insert(PrefixIndex::kRoot, std::span(t).subspan(static_cast<std::size_t>(b), 1), b);
  index.erase(1);
  index.erase(1);
  EXPECT_EQ(index.size(), 2);
  EXPECT_EQ(index.find(PrefixIndex::kRoot, std::span(t).subspan(0, 1)), 0);
  EXPECT_EQ(index.find(PrefixIndex::kRoot, std::span(t).subspan(1, 1)), PrefixIndex::kNoBlock);
  EXPECT_EQ(index.find(PrefixIndex::kRoot, std::span(t).subspan(2, 1)), 2);
}

}  // namespace baton::kv
