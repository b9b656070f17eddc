#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "baton/types.h"
#include "core/hash.h"

namespace baton::kv {

/// Name of the KV of a token prefix that ends at a block border: the hash of the block's tokens over the name of the
/// prefix before it (0 for the first block). Workers tell routers by these names what they hold. An accidental
/// collision costs efficiency only: whoever serves KV compares the tokens themselves (kv/prefix_index.h).
inline std::uint64_t block_hash(std::uint64_t parent, std::span<const TokenId> block) {
  return hash_bytes(std::as_bytes(block), mix64(parent + 1));
}

/// Names of all full blocks of `tokens`, in order.
inline std::vector<std::uint64_t> block_hashes(std::span<const TokenId> tokens, std::int32_t block_tokens) {
  const auto size = static_cast<std::size_t>(block_tokens);
  std::vector<std::uint64_t> hashes;
  hashes.reserve(tokens.size() / size);
  std::uint64_t parent = 0;
  for (std::size_t at = 0; at + size <= tokens.size(); at += size) {
    parent = block_hash(parent, tokens.subspan(at, size));
    hashes.push_back(parent);
  }
  return hashes;
}

}  // namespace baton::kv
