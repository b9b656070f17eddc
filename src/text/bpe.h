#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/vocab.h"

namespace baton::text {

/// What a BPE model is built from. `vocab` holds the bytes a piece of text must have to be that token.
struct BpeParts {
  std::vector<std::pair<std::string, TokenId>> vocab;
  std::vector<MergeTable::Entry> merges;
  std::array<TokenId, 256> byte_tokens{};  ///< byte_level: the token of each byte; else its "<0xNN>"; kNoToken if none
  TokenId unknown = kNoToken;
  bool byte_level = false;     ///< symbols start as single bytes, otherwise as characters
  bool byte_fallback = false;  ///< a character without a token becomes its bytes' tokens, if all exist
  bool fuse_unknown = false;
  bool ignore_merges = false;  ///< a piece that is itself in the vocabulary is that token
};

/// Byte-pair encoding of one pre-token. Immutable; const methods are thread-safe.
class Bpe {
 public:
  explicit Bpe(BpeParts parts);

  /// Appends the tokens of `piece` to `ids`. O(n log n) in the piece's length.
  void encode(std::string_view piece, std::vector<TokenId>& ids) const;

 private:
  struct Symbol;
  std::vector<Symbol> symbols_of(std::string_view piece) const;
  void merge_short(std::vector<Symbol>& symbols) const;
  void merge_long(std::vector<Symbol>& symbols) const;
  void encode_by_merging(std::string_view piece, std::vector<TokenId>& ids) const;
  void find_whole_tokens();

  BpeParts parts_;
  TokenIndex index_;
  MergeTable merges_;
  std::vector<bool> whole_;  // token id → merging its bytes yields just that token
};

}  // namespace baton::text
