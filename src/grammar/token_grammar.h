#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/hash.h"
#include "grammar/lru.h"
#include "grammar/program.h"
#include "grammar/vocabulary.h"
#include "grammar/walker.h"

namespace baton::grammar {

/// The tokens that may follow, worked out in two parts: what a state's own rule says of a token, which is the same
/// whatever calls are open and so is worked out once, and the few tokens that leave the rule, which are tried on the
/// stack at hand. The sum is kept too, by the whole place.
class TokenGrammar {
 public:
  TokenGrammar(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const Vocabulary> vocabulary);

  Place start() const;
  /// As Matcher::mask, without EOS.
  void mask(const Place& place, std::span<std::uint64_t> bits);
  /// Where the bytes lead; no readings: nowhere.
  Place follow(const Place& place, std::string_view bytes);
  bool may_end(const Place& place) const;
  /// Some byte may follow.
  bool goes_on(const Place& place);
  /// Works out the masks of the states from which most tokens must be looked at; once.
  void warm() { std::call_once(warmed_, [this] { work_out_widest(); }); }

  const Vocabulary& vocabulary() const { return *vocabulary_; }

 private:
  /// What a state's own rule says of the tokens.
  struct LocalMask {
    std::vector<TokenId> few;          ///< allowed ones, if there are few
    std::vector<std::uint64_t> many;   ///< else a bit for each
    std::vector<TrieNode> undecided;   ///< a trie of those that leave the rule
  };
  using Bits = std::vector<std::uint64_t>;
  struct KeyHash {
    std::size_t operator()(const std::vector<std::uint32_t>& key) const {
      std::uint64_t hash = key.size();
      for (const std::uint32_t word : key) hash = hash_combine(hash, word);
      return hash;
    }
  };

  std::shared_ptr<LocalMask> local_mask(std::uint32_t state);
  LocalMask work_out(std::uint32_t state);
  void work_out_widest();
  void add_reading(const Place& place, Reading reading, std::span<std::uint64_t> bits);

  std::shared_ptr<const Grammar> grammar_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  std::once_flag warmed_;
  std::mutex mutex_;
  Walker walker_;
  Lru<std::uint32_t, LocalMask> local_;  // by likeness
  Lru<std::vector<std::uint32_t>, Bits, KeyHash> whole_;
};

}  // namespace baton::grammar
