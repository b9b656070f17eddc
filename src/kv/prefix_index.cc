#include "kv/prefix_index.h"

#include <algorithm>
#include <bit>

#include "core/check.h"
#include "core/hash.h"

namespace baton::kv {

PrefixIndex::PrefixIndex(std::int32_t blocks, std::int32_t block_tokens)
    : block_tokens_(block_tokens),
      entries_(static_cast<std::size_t>(blocks)),
      tokens_(static_cast<std::size_t>(blocks) * static_cast<std::size_t>(block_tokens)),
      buckets_(std::bit_ceil(static_cast<std::size_t>(blocks) * 2 + 1), kNoBlock) {
  BATON_CHECK(blocks >= 0 && block_tokens > 0);
}

std::uint64_t PrefixIndex::hash(Node parent, std::span<const TokenId> tokens) const {
  return hash_bytes(std::as_bytes(tokens), mix64(parent));
}

BlockId PrefixIndex::find(Node parent, std::span<const TokenId> tokens) const {
  const std::uint64_t h = hash(parent, tokens);
  for (BlockId block = buckets_[h & (buckets_.size() - 1)]; block != kNoBlock;
       block = entries_[static_cast<std::size_t>(block)].next) {
    const Entry& entry = entries_[static_cast<std::size_t>(block)];
    const TokenId* held = tokens_.data() + static_cast<std::ptrdiff_t>(block) * block_tokens_;
    if (entry.hash == h && entry.parent == parent && std::equal(tokens.begin(), tokens.end(), held)) return block;
  }
  return kNoBlock;
}

void PrefixIndex::insert(Node parent, std::span<const TokenId> tokens, BlockId block) {
  BATON_CHECK(std::ssize(tokens) == block_tokens_ && !contains(block));
  const std::uint64_t h = hash(parent, tokens);
  std::copy(tokens.begin(), tokens.end(), tokens_.begin() + static_cast<std::ptrdiff_t>(block) * block_tokens_);
  BlockId& head = bucket(h);
  entries_[static_cast<std::size_t>(block)] = {.parent = parent, .node = ++last_node_, .hash = h, .next = head};
  head = block;
  ++size_;
}

void PrefixIndex::erase(BlockId block) {
  if (!contains(block)) return;
  Entry& entry = entries_[static_cast<std::size_t>(block)];
  BlockId* link = &bucket(entry.hash);
  while (*link != block) link = &entries_[static_cast<std::size_t>(*link)].next;
  *link = entry.next;
  entry = {};
  --size_;
}

}  // namespace baton::kv
