#include "text/bpe.h"

#include <algorithm>
#include <queue>

#include "text/utf8.h"

namespace baton::text {
namespace {

constexpr std::uint32_t kNoRank = ~0U;
constexpr std::size_t kShort = 48;  // up to here a scan for the best pair beats a heap

struct Candidate {
  std::uint32_t rank = 0;
  std::uint32_t at = 0;
  TokenId result = kNoToken;
};

struct LaterFirst {
  bool operator()(const Candidate& a, const Candidate& b) const {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  }
};

}  // namespace

// `rank` and `result` describe the merge with the symbol to the right; merge_long links the live ones.
struct Bpe::Symbol {
  TokenId id = kNoToken;
  TokenId result = kNoToken;
  std::uint32_t rank = kNoRank;
  std::int32_t previous = -1;
  std::int32_t next = -1;
};

Bpe::Bpe(BpeParts parts) : parts_(std::move(parts)), index_(parts_.vocab), merges_(parts_.merges) {
  parts_.merges = {};
  find_whole_tokens();
  parts_.vocab = {};
}

// A whole pre-token found in the vocabulary needs no merging if merging would give the same token.
void Bpe::find_whole_tokens() {
  TokenId last = -1;
  for (const auto& [bytes, id] : parts_.vocab) last = std::max(last, id);
  whole_.assign(static_cast<std::size_t>(last + 1), parts_.ignore_merges);
  if (parts_.ignore_merges) return;
  std::vector<TokenId> ids;
  for (const auto& [bytes, id] : parts_.vocab) {
    ids.clear();
    encode_by_merging(bytes, ids);
    whole_[static_cast<std::size_t>(id)] = ids.size() == 1 && ids[0] == id;
  }
}

void Bpe::encode(std::string_view piece, std::vector<TokenId>& ids) const {
  const TokenId id = index_.find(piece);
  if (id != kNoToken && whole_[static_cast<std::size_t>(id)]) {
    ids.push_back(id);
  } else {
    encode_by_merging(piece, ids);
  }
}

void Bpe::encode_by_merging(std::string_view piece, std::vector<TokenId>& ids) const {
  std::vector<Symbol> symbols = symbols_of(piece);
  if (symbols.size() <= kShort) {
    merge_short(symbols);
    for (const Symbol& s : symbols) ids.push_back(s.id);
    return;
  }
  merge_long(symbols);
  for (std::int32_t at = 0; at >= 0; at = symbols[static_cast<std::size_t>(at)].next) {
    ids.push_back(symbols[static_cast<std::size_t>(at)].id);
  }
}

std::vector<Bpe::Symbol> Bpe::symbols_of(std::string_view piece) const {
  std::vector<Symbol> symbols;
  symbols.reserve(piece.size());
  const auto add = [&](TokenId id) { symbols.push_back({.id = id}); };
  std::size_t pending_unknown = 0;  // flushed before the next known character only, as the reference does
  const auto flush = [&] {
    if (pending_unknown > 0) add(parts_.unknown);
    pending_unknown = 0;
  };
  const auto add_unknown = [&] {
    if (parts_.unknown == kNoToken) return;
    if (!parts_.fuse_unknown) flush();
    ++pending_unknown;
  };
  for (std::size_t i = 0; i < piece.size();) {
    const std::size_t size = parts_.byte_level ? 1 : decode_utf8(piece, i).size;
    const std::string_view unit = piece.substr(i, size);
    i += size;
    const TokenId id = parts_.byte_level ? parts_.byte_tokens[static_cast<unsigned char>(unit[0])] : index_.find(unit);
    if (id != kNoToken) {
      flush();
      add(id);
      continue;
    }
    const auto byte_token = [&](char b) { return parts_.byte_tokens[static_cast<unsigned char>(b)]; };
    const bool fall_back = parts_.byte_fallback && !parts_.byte_level &&
                           std::ranges::all_of(unit, [&](char b) { return byte_token(b) != kNoToken; });
    if (!fall_back) {
      add_unknown();
      continue;
    }
    for (const char b : unit) add(byte_token(b));
  }
  flush();
  return symbols;
}

void Bpe::merge_short(std::vector<Symbol>& symbols) const {
  const auto update = [&](std::size_t at) {
    if (at + 1 >= symbols.size()) {
      symbols[at].rank = kNoRank;
      return;
    }
    const auto merge = merges_.find(symbols[at].id, symbols[at + 1].id);
    symbols[at].rank = merge.result == kNoToken ? kNoRank : merge.rank;
    symbols[at].result = merge.result;
  };
  for (std::size_t i = 0; i < symbols.size(); ++i) update(i);
  while (symbols.size() > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < symbols.size(); ++i) {
      if (symbols[i].rank < symbols[best].rank) best = i;
    }
    if (symbols[best].rank == kNoRank) return;
    symbols[best].id = symbols[best].result;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    update(best);
    if (best > 0) update(best - 1);
  }
}

void Bpe::merge_long(std::vector<Symbol>& symbols) const {
  std::vector<Candidate> storage;
  storage.reserve(symbols.size() * 2);
  std::priority_queue<Candidate, std::vector<Candidate>, LaterFirst> queue(LaterFirst{}, std::move(storage));
  const auto symbol = [&](std::int32_t at) -> Symbol& { return symbols[static_cast<std::size_t>(at)]; };
  const auto update = [&](std::int32_t at) {
    Symbol& s = symbol(at);
    s.result = kNoToken;
    if (s.next < 0) return;
    const auto merge = merges_.find(s.id, symbol(s.next).id);
    s.result = merge.result;
    if (merge.result != kNoToken) queue.push({merge.rank, static_cast<std::uint32_t>(at), merge.result});
  };
  const auto size = static_cast<std::int32_t>(symbols.size());
  for (std::int32_t i = 0; i < size; ++i) {
    symbol(i).previous = i - 1;
    symbol(i).next = i + 1 < size ? i + 1 : -1;
  }
  for (std::int32_t i = 0; i < size; ++i) update(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    const auto at = static_cast<std::int32_t>(best.at);
    Symbol& s = symbol(at);
    if (s.id == kNoToken || s.result != best.result) continue;  // overtaken by another merge
    Symbol& right = symbol(s.next);
    s.id = best.result;
    s.next = right.next;
    right.id = kNoToken;
    right.result = kNoToken;
    if (s.next >= 0) symbol(s.next).previous = at;
    update(at);
    if (s.previous >= 0) update(s.previous);
  }
}

}  // namespace baton::text
