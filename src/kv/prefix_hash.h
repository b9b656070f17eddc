#pragma once

#include <cstdint>
#include <span>

#include "baton/types.h"
#include "core/hash.h"

namespace baton::kv {

/// Names a token prefix that ends at a block border, the same in every process: kEmptyPrefix for no tokens, then one
/// prefix_hash() per block. Workers report these and routers look prompts up by them, so a collision may cost time but
/// never serves wrong KV: the worker compares tokens (PrefixIndex).
using PrefixHash = std::uint64_t;
inline constexpr PrefixHash kEmptyPrefix = 0;

/// The prefix `parent` continued by one full block of tokens.
inline PrefixHash prefix_hash(PrefixHash parent, std::span<const TokenId> block) {
  return hash_bytes(std::as_bytes(block), mix64(parent + 0x9e3779b97f4a7c15ULL));
}

}  // namespace baton::kv
