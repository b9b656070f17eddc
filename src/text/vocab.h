#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "baton/types.h"

namespace baton::text {

inline constexpr TokenId kNoToken = -1;

/// Immutable byte string → id map: open addressing over one arena, one or two cache misses a look-up.
class TokenIndex {
 public:
  TokenIndex() = default;
  /// Later entries with the same bytes replace earlier ones. Ids are not negative.
  explicit TokenIndex(std::span<const std::pair<std::string, TokenId>> entries);

  /// kNoToken if absent.
  TokenId find(std::string_view bytes) const;

 private:
  struct Slot {
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
    std::uint32_t tag = 0;
    TokenId id = kNoToken;
  };
  std::string arena_;
  std::vector<Slot> slots_;
  std::size_t mask_ = 0;
};

/// Immutable map from a pair of token ids to the rank of their merge and its result.
class MergeTable {
 public:
  struct Merge {
    std::uint32_t rank = 0;
    TokenId result = kNoToken;
  };
  struct Entry {
    TokenId left = 0;
    TokenId right = 0;
    Merge merge;
  };

  MergeTable() = default;
  /// Of entries with the same pair the last one wins.
  explicit MergeTable(std::span<const Entry> entries);

  /// `result == kNoToken` if the pair does not merge.
  Merge find(TokenId left, TokenId right) const;

 private:
  struct Slot {
    std::uint64_t key = ~0ULL;
    Merge merge;
  };
  std::vector<Slot> slots_;
  std::size_t mask_ = 0;
};

}  // namespace baton::text
