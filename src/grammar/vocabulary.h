#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/grammar.h"

namespace baton::grammar {

/// A byte below its parent's, in preorder: the children of node i begin at i + 1, what follows its subtree at `after`.
struct TrieNode {
  std::uint32_t after = 0;
  std::uint32_t tokens_begin = 0;
  std::uint16_t tokens = 0;  ///< that end here; several may spell the same
  std::uint8_t depth = 0;    ///< bytes from the root to here, this one included
  std::uint8_t byte = 0;
};

class Vocabulary {
 public:
  Vocabulary(const std::vector<std::string>& token_bytes, std::vector<TokenId> eos);

  /// Of all tokens but the longest ones; without the root.
  std::span<const TrieNode> trie() const { return trie_; }
  std::span<const TokenId> tokens_at(const TrieNode& node) const {
    return std::span(order_).subspan(node.tokens_begin, node.tokens);
  }
  std::string_view bytes(TokenId token) const;
  std::span<const TokenId> eos() const { return eos_; }
  bool is_eos(TokenId token) const;
  std::size_t size() const { return offsets_.size() - 1; }
  std::size_t words() const { return (size() + 63) / 64; }

 private:
  std::string bytes_;
  std::vector<std::uint32_t> offsets_;  // token i: [offsets_[i], offsets_[i + 1])
  std::vector<TokenId> order_;          // by their bytes
  std::vector<TrieNode> trie_;
  std::vector<TokenId> eos_;
};

/// Longer tokens are never allowed: what they spell is spelt by shorter ones.
inline constexpr std::size_t kMaxTokenBytes = 200;

}  // namespace baton::grammar
