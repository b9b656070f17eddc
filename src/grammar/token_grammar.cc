#include "grammar/token_grammar.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace baton::grammar {

namespace {

constexpr std::size_t kLocalMasks = 512;
constexpr std::size_t kWholeMasks = 256;
constexpr std::size_t kFew = 512;

void set_bit(std::span<std::uint64_t> bits, TokenId token) {
  const auto i = static_cast<std::size_t>(token);
  bits[i / 64] |= std::uint64_t{1} << (i % 64);
}

/// Copies frames over so that only those in use are left, each once, in an order that depends on the readings alone.
class Compactor {
 public:
  explicit Compactor(std::span<const Frame> from) : from_(from) { place_.frames.push_back({}); }

  void add(Reading reading) {
    const Reading moved{reading.state, moved_frame(reading.frame)};
    if (std::ranges::find(place_.readings, moved) == place_.readings.end()) place_.readings.push_back(moved);
  }
  Place take() { return std::move(place_); }

 private:
  std::uint32_t moved_frame(std::uint32_t frame) {
    if (frame == 0) return 0;
    const Frame& old = from_[frame];
    const std::uint32_t parent = moved_frame(old.parent);  // at most kMaxDepth deep
    auto& frames = place_.frames;
    const auto same = std::ranges::find_if(
        frames.begin() + 1, frames.end(), [&](const Frame& f) { return f.after == old.after && f.parent == parent; });
    if (same != frames.end()) return static_cast<std::uint32_t>(same - frames.begin());
    frames.push_back({old.after, parent, frames[parent].depth + 1});
    return static_cast<std::uint32_t>(frames.size() - 1);
  }

  std::span<const Frame> from_;
  Place place_;
};

std::vector<std::uint32_t> key_of(const Place& place) {
  std::vector<std::uint32_t> key;
  key.reserve(2 * (place.frames.size() + place.readings.size()) + 1);
  key.push_back(static_cast<std::uint32_t>(place.frames.size()));
  for (const Frame& frame : place.frames) key.insert(key.end(), {frame.after, frame.parent});
  for (const Reading& reading : place.readings) key.insert(key.end(), {reading.state, reading.frame});
  return key;
}

/// Collects nodes of a trie with all their ancestors, as a trie of its own.
class SubTrie {
 public:
  explicit SubTrie(std::span<const TrieNode> trie) : trie_(trie), path_(kMaxTokenBytes + 1, 0), taken_(kMaxTokenBytes + 1, 0) {}

  /// Every node of a walk, in preorder.
  void pass(std::size_t node) { path_[trie_[node].depth] = static_cast<std::uint32_t>(node); }
  /// The node passed last, with the subtree below it.
  void take_subtree(std::size_t node) {
    for (std::size_t depth = 1; depth < trie_[node].depth; ++depth) {
      if (!nodes_.empty() && taken_[depth] == path_[depth] + 1) continue;
      taken_[depth] = path_[depth] + 1;
      nodes_.push_back(trie_[path_[depth]]);
      nodes_.back().tokens = 0;
    }
    nodes_.insert(nodes_.end(), trie_.begin() + static_cast<std::ptrdiff_t>(node),
                  trie_.begin() + static_cast<std::ptrdiff_t>(trie_[node].after));
  }
  std::vector<TrieNode> take() {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i <= nodes_.size(); ++i) {
      while (!open.empty() && (i == nodes_.size() || nodes_[open.back()].depth >= nodes_[i].depth)) {
        nodes_[open.back()].after = static_cast<std::uint32_t>(i);
        open.pop_back();
      }
      open.push_back(i);
    }
    return std::move(nodes_);
  }

 private:
  std::span<const TrieNode> trie_;
  std::vector<std::uint32_t> path_;   // node of the walk at each depth
  std::vector<std::uint32_t> taken_;  // 1 + node taken as an ancestor at each depth
  std::vector<TrieNode> nodes_;
};

}  // namespace

TokenGrammar::TokenGrammar(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const Vocabulary> vocabulary)
    : grammar_(std::move(grammar)),
      vocabulary_(std::move(vocabulary)),
      walker_(*grammar_),
      local_(kLocalMasks),
      whole_(kWholeMasks) {}

Place TokenGrammar::start() const { return {.frames = {Frame{}}, .readings = {{grammar_->rules[0].start, 0}}}; }

void TokenGrammar::mask(const Place& place, std::span<std::uint64_t> bits) {
  const std::scoped_lock lock(mutex_);
  auto key = key_of(place);
  auto found = whole_.find(key);
  if (found == nullptr) {
    found = std::make_shared<Bits>(vocabulary_->words(), 0);
    for (const Reading& reading : place.readings) add_reading(place, reading, *found);
    whole_.add(std::move(key), found);
  }
  const std::size_t words = std::min(bits.size(), found->size());
  std::copy_n(found->begin(), words, bits.begin());
  std::ranges::fill(bits.subspan(words), 0);
}

void TokenGrammar::add_reading(const Place& place, Reading reading, std::span<std::uint64_t> bits) {
  const auto allow = [&](std::span<const TrieNode> trie) {
    walker_.begin(place.frames, std::span(&reading, 1), Sight::whole);
    walker_.walk(trie, [&](std::size_t node, bool alive, bool) {
      if (!alive) return;
      for (const TokenId token : vocabulary_->tokens_at(trie[node])) set_bit(bits, token);
    });
  };
  if (place.frames[reading.frame].depth + Walker::kLocalDepth > kMaxDepth) return allow(vocabulary_->trie());
  const auto local = local_mask(reading.state);
  for (const TokenId token : local->few) set_bit(bits, token);
  for (std::size_t i = 0; i < local->many.size(); ++i) bits[i] |= local->many[i];
  allow(local->undecided);
}

std::shared_ptr<TokenGrammar::LocalMask> TokenGrammar::local_mask(std::uint32_t state) {
  const std::uint32_t likeness = grammar_->states[state].likeness;
  auto found = local_.find(likeness);
  if (found == nullptr) {
    found = std::make_shared<LocalMask>(work_out(state));
    local_.add(likeness, found);
  }
  return found;
}

TokenGrammar::LocalMask TokenGrammar::work_out(std::uint32_t state) {
  const auto trie = vocabulary_->trie();
  const Frame bottom;
  const Reading reading{state, 0};
  LocalMask mask;
  SubTrie undecided(trie);
  walker_.begin(std::span(&bottom, 1), std::span(&reading, 1), Sight::local);
  walker_.walk(trie, [&](std::size_t node, bool alive, bool) {
    undecided.pass(node);
    if (!alive) return undecided.take_subtree(node);
    const auto tokens = vocabulary_->tokens_at(trie[node]);
    mask.few.insert(mask.few.end(), tokens.begin(), tokens.end());
  });
  mask.undecided = undecided.take();
  if (mask.few.size() > kFew) {
    mask.many.assign(vocabulary_->words(), 0);
    for (const TokenId token : mask.few) set_bit(mask.many, token);
    mask.few = {};
  }
  return mask;
}

Place TokenGrammar::follow(const Place& place, std::string_view bytes) {
  const std::scoped_lock lock(mutex_);
  walker_.begin(place.frames, place.readings, Sight::whole);
  bool alive = bytes.size() <= kMaxTokenBytes;
  for (std::size_t i = 0; i < bytes.size() && alive; ++i) alive = walker_.step(i + 1, static_cast<std::uint8_t>(bytes[i]));
  if (!alive) return {};
  Compactor compactor(walker_.frames());
  for (const Reading& reading : walker_.readings(bytes.size())) compactor.add(reading);
  return compactor.take();
}

bool TokenGrammar::may_end(const Place& place) const {
  return std::ranges::any_of(place.readings, [&](Reading reading) {
    while (grammar_->states[reading.state].accept) {
      if (reading.frame == 0) return true;
      const Frame& frame = place.frames[reading.frame];
      reading = {frame.after, frame.parent};
    }
    return false;
  });
}

bool TokenGrammar::goes_on(const Place& place) {
  const std::scoped_lock lock(mutex_);
  walker_.begin(place.frames, place.readings, Sight::whole);
  for (int byte = 0; byte < 256; ++byte) {
    if (walker_.step(1, static_cast<std::uint8_t>(byte))) return true;
  }
  return false;
}

void TokenGrammar::work_out_widest() {
  constexpr int kWideBytes = 64;
  constexpr std::size_t kMostMasks = 16;
  std::unordered_set<std::uint32_t> done;
  for (std::uint32_t s = 0; s < grammar_->states.size() && done.size() < kMostMasks; ++s) {
    const Grammar::State& state = grammar_->states[s];
    int width = 0;
    for (const ByteEdge& edge : grammar_->bytes_of(state)) width += edge.high - edge.low + 1;
    if (width < kWideBytes || !done.insert(state.likeness).second) continue;
    const std::scoped_lock lock(mutex_);
    local_mask(s);
  }
}

}  // namespace baton::grammar
