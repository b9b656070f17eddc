#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "baton/types.h"

namespace baton::kv {

/// Which full blocks hold the KV of which token prefix: a hash chain of (parent block's node, this block's tokens).
///
/// Exact: a node number is given to one (parent, tokens) pair and never reused, and a lookup compares the tokens
/// themselves, so no collision, accidental or constructed, can return the KV of another prefix. One index serves one
/// pool and therefore one model; no salt is needed.
///
/// Sized once for all blocks: no allocation after construction.
class PrefixIndex {
 public:
  /// Identifies a token prefix that ends at a block border. kRoot is the empty prefix.
  using Node = std::uint64_t;
  static constexpr Node kRoot = 0;
  static constexpr BlockId kNoBlock = -1;

  PrefixIndex(std::int32_t blocks, std::int32_t block_tokens);

  /// The block that continues `parent` with exactly `tokens` (block_tokens of them), or kNoBlock.
  BlockId find(Node parent, std::span<const TokenId> tokens) const;
  /// Enters `block`, which is not in the index, as the continuation of `parent`. There must be none yet.
  void insert(Node parent, std::span<const TokenId> tokens, BlockId block);
  /// Forgets `block`, if it is here. Its continuations become unreachable but stay until erased themselves.
  void erase(BlockId block);

  bool contains(BlockId block) const { return entries_[static_cast<std::size_t>(block)].node != kRoot; }
  /// Node of an indexed block.
  Node node(BlockId block) const { return entries_[static_cast<std::size_t>(block)].node; }
  std::int32_t size() const { return size_; }

 private:
  struct Entry {
    Node parent = kRoot;
    Node node = kRoot;  ///< kRoot: not in the index
    std::uint64_t hash = 0;
    BlockId next = kNoBlock;  ///< in the same bucket
  };
  std::uint64_t hash(Node parent, std::span<const TokenId> tokens) const;
  BlockId& bucket(std::uint64_t hash) { return buckets_[hash & (buckets_.size() - 1)]; }

  std::int32_t block_tokens_;
  std::int32_t size_ = 0;
  Node last_node_ = kRoot;
  std::vector<Entry> entries_;    // [block]
  std::vector<TokenId> tokens_;   // [block][block_tokens]
  std::vector<BlockId> buckets_;  // heads of the chains; a power of two of them
};

}  // namespace baton::kv
