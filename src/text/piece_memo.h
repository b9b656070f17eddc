#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "baton/types.h"
#include "core/hash.h"

namespace baton::text {

/// Where the short pieces of one text, met lately, have their tokens among the text's ids: words come again and again,
/// and copying their tokens is cheaper than merging them anew. Holds for one growing list of ids. A value of 6 KiB, for
/// the stack.
class PieceMemo {
 public:
  /// Appends the piece's tokens to `ids` if they stand there already.
  bool recall(std::string_view piece, std::vector<TokenId>& ids) const {
    if (piece.size() > kLongest) return false;
    const Key key = key_of(piece);
    const Entry& entry = entries_[slot_of(key)];
    if (entry.key != key) return false;
    for (std::uint32_t i = 0; i < entry.count; ++i) ids.push_back(ids[entry.from + i]);
    return true;
  }

  /// The tokens from `from` to the end of `ids` are the piece's. Displaces another piece.
  void note(std::string_view piece, std::size_t from, const std::vector<TokenId>& ids) {
    if (piece.size() > kLongest || from > UINT32_MAX) return;
    const Key key = key_of(piece);
    entries_[slot_of(key)] = {key, static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(ids.size() - from)};
  }

 private:
  /// The piece's bytes, zeros, and in the last byte its length plus one: the empty key is no piece's.
  using Key = std::array<std::uint64_t, 2>;
  struct Entry {
    Key key{};
    std::uint32_t from = 0;
    std::uint32_t count = 0;
  };
  static constexpr std::size_t kLongest = 15;
  static constexpr std::size_t kSlots = 256;

  static Key key_of(std::string_view piece) {
    std::array<char, 16> bytes{};
    std::memcpy(bytes.data(), piece.data(), piece.size());
    bytes[15] = static_cast<char>(piece.size() + 1);
    Key key;
    std::memcpy(key.data(), bytes.data(), sizeof key);
    return key;
  }
  static std::size_t slot_of(const Key& key) { return hash_combine(key[0], key[1]) % kSlots; }

  std::array<Entry, kSlots> entries_{};
};

}  // namespace baton::text
