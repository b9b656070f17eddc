#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "baton/types.h"

namespace baton::text {

/// An entry of `added_tokens` in tokenizer.json.
struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool special = false;
  bool normalized = false;   ///< matched in the normalised text instead of the raw text
  bool single_word = false;  ///< only where no word character touches it
  bool lstrip = false;       ///< swallows white space to its left
  bool rstrip = false;
};

/// A part of the text: an added token, or text between two (`id == kNoToken`).
struct Segment {
  std::size_t begin = 0;
  std::size_t end = 0;
  TokenId id = -1;
};

/// Finds added tokens in text: leftmost, then longest, as one trie walk per possible start. Immutable.
class AddedTokenMatcher {
 public:
  AddedTokenMatcher() = default;
  /// `tokens[i].content` is what is searched for (already normalised if need be). Empty contents are ignored.
  explicit AddedTokenMatcher(std::vector<AddedToken> tokens);

  bool empty() const { return tokens_.empty(); }

  /// Tiles `text` with segments. With `parse_special` false special tokens in the text stay text.
  std::vector<Segment> split(std::string_view text, bool parse_special) const;

 private:
  struct Node {
    std::vector<std::pair<unsigned char, std::uint32_t>> children;
    std::int32_t token = -1;
  };
  void insert(std::int32_t token);
  std::uint32_t child(std::uint32_t node, unsigned char byte) const;
  std::int32_t longest_at(std::string_view text, std::size_t at) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_;
  std::array<bool, 256> starts_{};
};

}  // namespace baton::text
