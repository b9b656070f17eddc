#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "grammar/program.h"
#include "grammar/vocabulary.h"

namespace baton::grammar {

/// An open call: where the text goes on after it, and the call around it. Frame 0 is the bottom: no call is open.
struct Frame {
  std::uint32_t after = 0;
  std::uint32_t parent = 0;
  std::uint32_t depth = 0;  ///< calls open, this one included
};
/// One reading of the text so far: a state and the calls open.
struct Reading {
  std::uint32_t state = 0;
  std::uint32_t frame = 0;
  friend bool operator==(const Reading&, const Reading&) = default;
};
/// All readings of a text.
struct Place {
  std::vector<Frame> frames;
  std::vector<Reading> readings;
};

/// How far a walk may see down the stack.
enum class Sight : std::uint8_t {
  whole,  ///< frame 0 is the bottom of the text
  local   ///< what is below frame 0 is not known
};

/// Follows texts through a grammar, byte by byte, with a stack of places to go back to. A text may have many readings;
/// beyond kMaxReadings some are dropped, which only means that fewer texts are allowed. Workspace; not thread-safe.
class Walker {
 public:
  static constexpr std::size_t kMaxReadings = 64;
  /// In a local walk: calls open above frame 0. Whoever would open more has to look at the whole stack.
  static constexpr std::uint32_t kLocalDepth = 24;

  explicit Walker(const Grammar& grammar);

  /// Starts over at level 0.
  void begin(std::span<const Frame> frames, std::span<const Reading> readings, Sight sight);
  /// From level - 1 to level by one byte; 1 <= level <= kMaxTokenBytes. What was there of this level and above is
  /// forgotten. False: no reading is left.
  bool step(std::size_t level, std::uint8_t byte);
  /// Some reading left the known part of the stack on its way to this level (local walks).
  bool escaped(std::size_t level) const { return levels_[level].escaped; }
  std::span<const Reading> readings(std::size_t level) const {
    return std::span(readings_).subspan(level * kMaxReadings, levels_[level].readings);
  }
  std::span<const Frame> frames() const { return frames_; }

  /// Calls visit(node index, alive, escaped) for every node a reading reaches or leaves the known stack at, in preorder;
  /// subtrees below dead nodes are left out.
  template <class Visit>
  void walk(std::span<const TrieNode> trie, Visit visit) {
    for (std::size_t i = 0; i < trie.size();) {
      const std::size_t level = trie[i].depth;
      const bool alive = step(level, trie[i].byte) && visible(level);
      if (alive || escaped(level)) visit(i, alive, escaped(level));
      i = alive ? i + 1 : trie[i].after;
    }
  }

 private:
  struct Level {
    std::size_t readings = 0, frames = 0;
    bool escaped = false;
  };

  bool visible(std::size_t level) {
    if (sight_ == Sight::whole || level <= Grammar::kLikenessBytes) return true;
    levels_[level].escaped = true;
    return false;
  }
  void move(Reading from, std::uint8_t byte);
  void add(Reading reading);
  std::uint32_t open_call(std::uint32_t after, std::uint32_t parent);

  const Grammar& grammar_;
  Sight sight_ = Sight::whole;
  std::uint32_t limit_ = kMaxDepth;
  std::size_t level_ = 0;
  std::vector<Level> levels_;
  std::vector<Reading> readings_;  // kMaxReadings of each level
  std::vector<Frame> frames_;      // of the level reached last and those below
};

}  // namespace baton::grammar
