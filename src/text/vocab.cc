#include "text/vocab.h"

#include <bit>
#include <cstring>

#include "core/hash.h"

namespace baton::text {
namespace {

// Short keys are the rule: eight bytes a step, the tail in one load.
std::uint64_t hash_key(std::string_view key) {
  std::uint64_t hash = key.size() * 0x9e3779b97f4a7c15ULL;
  const char* p = key.data();
  std::size_t left = key.size();
  for (; left >= 8; left -= 8, p += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, p, 8);
    hash = (hash ^ word) * 0xff51afd7ed558ccdULL;
    hash ^= hash >> 32;
  }
  std::uint64_t word = 0;
  if (left > 0) std::memcpy(&word, p, left);
  return mix64(hash ^ word);
}

std::uint64_t pair_key(TokenId left, TokenId right) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32) | static_cast<std::uint32_t>(right);
}

std::size_t table_size(std::size_t entries) { return std::bit_ceil(entries * 2 + 2); }

}  // namespace

TokenIndex::TokenIndex(std::span<const std::pair<std::string, TokenId>> entries)
    : slots_(table_size(entries.size())), mask_(slots_.size() - 1) {
  for (const auto& [bytes, id] : entries) {
    const std::uint64_t hash = hash_key(bytes);
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    std::size_t at = hash & mask_;
    const auto same = [&](const Slot& slot) {
      return slot.tag == tag && std::string_view(arena_).substr(slot.offset, slot.size) == bytes;
    };
    while (slots_[at].id != kNoToken && !same(slots_[at])) at = (at + 1) & mask_;
    slots_[at] = {static_cast<std::uint32_t>(arena_.size()), static_cast<std::uint32_t>(bytes.size()), tag, id};
    arena_ += bytes;
  }
}

TokenId TokenIndex::find(std::string_view bytes) const {
  if (slots_.empty()) return kNoToken;
  const std::uint64_t hash = hash_key(bytes);
  const auto tag = static_cast<std::uint32_t>(hash >> 32);
  for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
    const Slot& slot = slots_[at];
    if (slot.id == kNoToken) return kNoToken;
    if (slot.tag == tag && slot.size == bytes.size() &&
        std::memcmp(arena_.data() + slot.offset, bytes.data(), bytes.size()) == 0) {
      return slot.id;
    }
  }
}

MergeTable::MergeTable(std::span<const Entry> entries)
    : slots_(table_size(entries.size())), mask_(slots_.size() - 1) {
  for (const Entry& entry : entries) {
    const std::uint64_t key = pair_key(entry.left, entry.right);
    std::size_t at = mix64(key) & mask_;
    while (slots_[at].key != ~0ULL && slots_[at].key != key) at = (at + 1) & mask_;
    slots_[at] = {key, entry.merge};
  }
}

MergeTable::Merge MergeTable::find(TokenId left, TokenId right) const {
  if (slots_.empty()) return {};
  const std::uint64_t key = pair_key(left, right);
  for (std::size_t at = mix64(key) & mask_;; at = (at + 1) & mask_) {
    if (slots_[at].key == key) return slots_[at].merge;
    if (slots_[at].key == ~0ULL) return {};
  }
}

}  // namespace baton::text
