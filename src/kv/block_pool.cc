#include "kv/block_pool.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "core/check.h"

namespace baton::kv {

namespace {
constexpr BlockId kNoBlock = PrefixIndex::kNoBlock;
}

BlockLease::BlockLease(BlockLease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), blocks_(std::exchange(other.blocks_, {})) {}

BlockLease& BlockLease::operator=(BlockLease&& other) noexcept {
  if (this != &other) {
    release();
    pool_ = std::exchange(other.pool_, nullptr);
    blocks_ = std::exchange(other.blocks_, {});
  }
  return *this;
}

void BlockLease::append(BlockLease&& tail) {
  if (tail.blocks_.empty()) return;
  BATON_CHECK(pool_ == nullptr || pool_ == tail.pool_);
  pool_ = std::exchange(tail.pool_, nullptr);
  blocks_.insert(blocks_.end(), tail.blocks_.begin(), tail.blocks_.end());
  tail.blocks_.clear();
}

void BlockLease::committed() {
  for (const BlockId block : blocks_) {
    if (pool_->state(block) == BlockState::granted) pool_->set_state(block, BlockState::held);
  }
}

void BlockLease::drain() {
  for (const BlockId block : std::views::reverse(blocks_)) {
    if (pool_->state(block) == BlockState::granted) {
      pool_->set_state(block, BlockState::draining);
    } else {
      pool_->put_back(block);
    }
  }
  std::erase_if(blocks_, [&](BlockId block) { return pool_->state(block) != BlockState::draining; });
}

void BlockLease::release() {
  // Backwards: the LRU list then evicts the tail of a prefix before its head, and the free stack stays ascending.
  for (const BlockId block : std::views::reverse(blocks_)) pool_->put_back(block);
  blocks_.clear();
  pool_ = nullptr;
}

BlockPool::BlockPool(std::int32_t blocks, std::int32_t block_tokens)
    : block_tokens_(block_tokens), blocks_(static_cast<std::size_t>(blocks)), index_(blocks, block_tokens) {
  free_.reserve(blocks_.size());
  for (BlockId block = blocks - 1; block >= 0; --block) free_.push_back(block);
  counts_.free = blocks;
}

BlockPool::~BlockPool() {
  BATON_CHECK(available() == total());
}

std::int32_t& BlockPool::count(BlockState state) {
  switch (state) {
    case BlockState::free:
      return counts_.free;
    case BlockState::cached:
      return counts_.cached;
    case BlockState::held:
      return counts_.held;
    case BlockState::granted:
      return counts_.granted;
    case BlockState::draining:
      break;
  }
  return counts_.draining;
}

void BlockPool::set_state(BlockId block, BlockState state) {
  Block& b = at(block);
  --count(b.state);
  b.state = state;
  ++count(state);
}

std::optional<BlockLease> BlockPool::take(std::int32_t count) {
  BlockLease lease(*this);
  if (!add_blocks(lease, count, BlockState::held)) return std::nullopt;
  return lease;
}

std::optional<BlockLease> BlockPool::grant(std::int32_t count) {
  BlockLease lease(*this);
  if (!add_blocks(lease, count, BlockState::granted)) return std::nullopt;
  return lease;
}

bool BlockPool::extend(BlockLease& lease, std::int32_t count) {
  BATON_CHECK(lease.pool_ == nullptr || lease.pool_ == this);
  lease.pool_ = this;
  return add_blocks(lease, count, BlockState::held);
}

bool BlockPool::add_blocks(BlockLease& lease, std::int32_t count, BlockState state) {
  BATON_CHECK(count >= 0);
  if (count > available()) return false;
  const auto old_size = static_cast<std::ptrdiff_t>(lease.blocks_.size());
  for (std::int32_t i = 0; i < count; ++i) {
    const BlockId block = pop_free();
    set_state(block, state);
    at(block).holders = 1;
    lease.blocks_.push_back(block);
  }
  std::sort(lease.blocks_.begin() + old_size, lease.blocks_.end());  // longer contiguous runs for the transfer
  return true;
}

BlockId BlockPool::pop_free() {
  if (!free_.empty()) {
    const BlockId block = free_.back();
    free_.pop_back();
    return block;
  }
  const BlockId block = oldest_;
  lru_unlink(block);
  unpublish(block);
  return block;
}

void BlockPool::put_back(BlockId block) {
  Block& b = at(block);
  BATON_CHECK(b.holders > 0);
  if (--b.holders > 0) return;
  if (index_.contains(block)) {
    set_state(block, BlockState::cached);
    lru_push(block);
  } else {
    set_state(block, BlockState::free);
    free_.push_back(block);
  }
}

BlockLease BlockPool::match(std::span<const TokenId> tokens) {
  BlockLease lease(*this);
  const auto step = static_cast<std::size_t>(block_tokens_);
  PrefixIndex::Node node = PrefixIndex::kRoot;
  for (std::size_t at_token = 0; at_token + step <= tokens.size(); at_token += step) {
    const BlockId block = index_.find(node, tokens.subspan(at_token, step));
    if (block == kNoBlock) break;
    node = index_.node(block);
    if (at(block).holders++ == 0) {
      lru_unlink(block);
      set_state(block, BlockState::held);
    }
    lease.blocks_.push_back(block);
  }
  return lease;
}

PrefixCursor BlockPool::publish(PrefixCursor cursor, std::span<const TokenId> tokens, std::span<const BlockId> blocks) {
  const auto step = static_cast<std::size_t>(block_tokens_);
  const std::size_t full = tokens.size() / step;
  BATON_CHECK(full <= blocks.size());
  for (auto i = static_cast<std::size_t>(cursor.blocks); i < full; ++i) {
    const std::span<const TokenId> content = tokens.subspan(i * step, step);
    const PrefixHash prefix = prefix_hash(cursor.hash, content);
    BlockId block = index_.find(cursor.node, content);
    // A twin computed at the same time keeps its place; ours is freed when its holder leaves.
    if (block == kNoBlock) {
      block = blocks[i];
      // Ours may be in the index already, below a parent that was evicted since; it cannot be found there any more.
      unpublish(block);
      index_.insert(cursor.node, content, block);
      at(block).prefix = prefix;
      log_.added(prefix);
    }
    cursor = {.node = index_.node(block), .hash = prefix, .blocks = static_cast<std::int32_t>(i) + 1};
  }
  return cursor;
}

void BlockPool::clear_cache() {
  while (oldest_ != kNoBlock) {
    const BlockId block = oldest_;
    lru_unlink(block);
    unpublish(block);
    set_state(block, BlockState::free);
    free_.push_back(block);
  }
}

void BlockPool::unpublish(BlockId block) {
  if (!index_.contains(block)) return;
  index_.erase(block);
  log_.removed(at(block).prefix);
}

std::vector<PrefixHash> BlockPool::published_prefixes(std::size_t most) const {
  std::vector<PrefixHash> out;
  for (BlockId block = 0; block < total() && out.size() < most; ++block) {
    if (index_.contains(block)) out.push_back(blocks_[static_cast<std::size_t>(block)].prefix);
  }
  return out;
}

void BlockPool::lru_push(BlockId block) {
  at(block).older = newest_;
  at(block).newer = kNoBlock;
  (newest_ == kNoBlock ? oldest_ : at(newest_).newer) = block;
  newest_ = block;
}

void BlockPool::lru_unlink(BlockId block) {
  Block& b = at(block);
  (b.older == kNoBlock ? oldest_ : at(b.older).newer) = b.newer;
  (b.newer == kNoBlock ? newest_ : at(b.newer).older) = b.older;
  b.older = b.newer = kNoBlock;
}

bool BlockPool::audit() const {
  BlockCounts seen;
  std::int32_t indexed = 0;
  for (BlockId id = 0; id < total(); ++id) {
    const Block& b = blocks_[static_cast<std::size_t>(id)];
    const bool in_index = index_.contains(id);
    indexed += in_index ? 1 : 0;
    bool good = true;
    switch (b.state) {
      case BlockState::free:
        ++seen.free;
        good = b.holders == 0 && !in_index;
        break;
      case BlockState::cached:
        ++seen.cached;
        good = b.holders == 0 && in_index;
        break;
      case BlockState::held:
        ++seen.held;
        good = b.holders == 1 || (b.holders > 1 && in_index);
        break;
      case BlockState::granted:
        ++seen.granted;
        good = b.holders == 1 && !in_index;
        break;
      case BlockState::draining:
        ++seen.draining;
        good = b.holders == 1 && !in_index;
        break;
    }
    if (!good) return false;
  }
  std::int32_t listed = 0;
  for (BlockId id = oldest_; id != kNoBlock; id = blocks_[static_cast<std::size_t>(id)].newer, ++listed) {
    if (listed > total() || state(id) != BlockState::cached) return false;
  }
  const bool stack_good = std::ranges::all_of(free_, [&](BlockId id) { return state(id) == BlockState::free; });
  return stack_good && std::ssize(free_) == seen.free && listed == seen.cached && indexed == index_.size() &&
         seen.free == counts_.free && seen.cached == counts_.cached && seen.held == counts_.held &&
         seen.granted == counts_.granted && seen.draining == counts_.draining && seen.total() == total();
}

}  // namespace baton::kv
