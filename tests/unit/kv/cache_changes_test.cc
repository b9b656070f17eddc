#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

#include "kv/block_pool.h"

namespace baton::kv {
namespace {

std::vector<TokenId> tokens_of(std::int32_t count, TokenId start = 0) {
  std::vector<TokenId> tokens(static_cast<std::size_t>(count));
  std::iota(tokens.begin(), tokens.end(), start);
  return tokens;
}

/// As a router computes it.
std::vector<PrefixHash> chain(const std::vector<TokenId>& tokens, std::size_t block) {
  std::vector<PrefixHash> out;
  PrefixHash hash = kEmptyPrefix;
  for (std::size_t at = 0; at + block <= tokens.size(); at += block) {
    out.push_back(hash = prefix_hash(hash, std::span(tokens).subspan(at, block)));
  }
  return out;
}

/// Computes and publishes `tokens` whole, then lets go of them.
void serve(BlockPool& pool, const std::vector<TokenId>& tokens) {
  auto lease = pool.match(tokens);
  ASSERT_TRUE(pool.extend(lease, static_cast<std::int32_t>(tokens.size() / 4) - lease.size()));
  pool.publish({}, tokens, lease.blocks());
}

}  // namespace

TEST(CacheChanges, published_blocks_are_added_under_the_hash_of_their_whole_prefix) {
  BlockPool pool(8, 4);
  serve(pool, tokens_of(12));
  const CacheChanges changes = pool.take_cache_changes();
  EXPECT_EQ(changes.added, chain(tokens_of(12), 4));
  EXPECT_TRUE(changes.removed.empty());
  EXPECT_FALSE(changes.overflow);
  EXPECT_TRUE(pool.take_cache_changes().added.empty()) << "taken once";
}

TEST(CacheChanges, evicted_blocks_are_removed) {
  BlockPool pool(4, 4);
  serve(pool, tokens_of(16));
  pool.take_cache_changes();
  const auto lease = pool.take(1);
  EXPECT_EQ(pool.take_cache_changes().removed, std::vector{chain(tokens_of(16), 4).back()}) << "tails go first";
  EXPECT_EQ(pool.published_prefixes(10).size(), 3U);
  EXPECT_EQ(pool.published_prefixes(2).size(), 2U);
  pool.clear_cache();
  EXPECT_EQ(pool.take_cache_changes().removed.size(), 3U);
}

TEST(CacheChanges, what_came_and_went_between_two_reports_is_in_neither_list) {
  BlockPool pool(4, 4);
  serve(pool, tokens_of(8));
  pool.clear_cache();
  CacheChanges changes = pool.take_cache_changes();
  EXPECT_TRUE(changes.added.empty() && changes.removed.empty());
  serve(pool, tokens_of(8));
  pool.take_cache_changes();
  pool.clear_cache();
  serve(pool, tokens_of(8));
  changes = pool.take_cache_changes();
  EXPECT_TRUE(changes.added.empty() && changes.removed.empty());
}

TEST(CacheChanges, followed_from_the_start_they_are_the_cache) {
  BlockPool pool(24, 4);
  std::mt19937 random(11);
  std::set<PrefixHash> known;
  for (int i = 0; i < 2000; ++i) {
    serve(pool, tokens_of(static_cast<std::int32_t>(4 * (1 + random() % 6)), static_cast<TokenId>(random() % 12)));
    if (random() % 3 != 0) continue;
    const CacheChanges changes = pool.take_cache_changes();
    for (const PrefixHash hash : changes.removed) known.erase(hash);
    known.insert(changes.added.begin(), changes.added.end());
    const auto now = pool.published_prefixes(100);
    ASSERT_EQ(known, std::set(now.begin(), now.end())) << i;
  }
}

TEST(CacheChanges, more_than_the_log_holds_is_said_to_be_so) {
  CacheLog log;
  for (PrefixHash hash = 0; hash <= CacheLog::kMost; ++hash) log.added(hash);
  const CacheChanges changes = log.take();
  EXPECT_TRUE(changes.overflow);
  EXPECT_TRUE(changes.added.empty());
  log.added(5);
  EXPECT_EQ(log.take().added, std::vector<PrefixHash>{5});
}

}  // namespace baton::kv
