#include "grammar/vocabulary.h"

#include <algorithm>
#include <utility>

namespace baton::grammar {

Vocabulary::Vocabulary(const std::vector<std::string>& token_bytes, std::vector<TokenId> eos) : eos_(std::move(eos)) {
  offsets_.push_back(0);
  for (const std::string& bytes : token_bytes) {
    bytes_ += bytes;
    offsets_.push_back(static_cast<std::uint32_t>(bytes_.size()));
  }
  std::erase_if(eos_, [this](TokenId token) { return token < 0 || static_cast<std::size_t>(token) >= size(); });
  for (std::size_t i = 0; i < token_bytes.size(); ++i) {
    const auto token = static_cast<TokenId>(i);
    const bool spells = !token_bytes[i].empty() && token_bytes[i].size() <= kMaxTokenBytes;
    if (spells && !is_eos(token)) order_.push_back(token);
  }
  std::ranges::sort(order_, [this](TokenId a, TokenId b) { return std::pair(bytes(a), a) < std::pair(bytes(b), b); });

  std::vector<std::uint32_t> path;  // nodes from the root to the last token
  std::string_view previous;
  for (std::size_t i = 0; i < order_.size(); ++i) {
    const std::string_view spelling = bytes(order_[i]);
    const auto common = static_cast<std::size_t>(std::ranges::mismatch(previous, spelling).in1 - previous.begin());
    while (path.size() > common) {
      trie_[path.back()].after = static_cast<std::uint32_t>(trie_.size());
      path.pop_back();
    }
    for (std::size_t at = common; at < spelling.size(); ++at) {
      path.push_back(static_cast<std::uint32_t>(trie_.size()));
      trie_.push_back({.tokens_begin = static_cast<std::uint32_t>(i),
                       .depth = static_cast<std::uint8_t>(at + 1),
                       .byte = static_cast<std::uint8_t>(spelling[at])});
    }
    // More than 65535 tokens of one spelling are no vocabulary; those beyond are never allowed.
    TrieNode& node = trie_[path.back()];
    if (node.tokens == 0) node.tokens_begin = static_cast<std::uint32_t>(i);
    if (node.tokens < 0xFFFF) ++node.tokens;
    previous = spelling;
  }
  for (const std::uint32_t node : path) trie_[node].after = static_cast<std::uint32_t>(trie_.size());
}

std::string_view Vocabulary::bytes(TokenId token) const {
  const auto i = static_cast<std::size_t>(token);
  return std::string_view(bytes_).substr(offsets_[i], offsets_[i + 1] - offsets_[i]);
}

bool Vocabulary::is_eos(TokenId token) const { return std::ranges::find(eos_, token) != eos_.end(); }

std::shared_ptr<const Vocabulary> make_vocabulary(const std::vector<std::string>& token_bytes, std::vector<TokenId> eos) {
  return std::make_shared<const Vocabulary>(token_bytes, std::move(eos));
}

}  // namespace baton::grammar
