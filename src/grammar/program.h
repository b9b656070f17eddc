#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "baton/error.h"
#include "grammar/expr.h"
#include "grammar/grammar.h"

namespace baton::grammar {

/// Open calls a text may have at a time; deeper nesting is not generated.
inline constexpr std::uint32_t kMaxDepth = 64;

/// The compiled form: the automata of all rules in one table. Rule 0 is the whole text.
///
/// No text gets stuck: every state of the table leads to the end of its rule within State::depth further open calls, and
/// an edge is taken only if that many are left.
class Grammar {
 public:
  struct State {
    std::uint32_t bytes_begin = 0, bytes_end = 0, calls_begin = 0, calls_end = 0;
    std::uint8_t depth = 0;  ///< calls that must be open at once to get to the end of the rule
    bool accept = false;
    std::uint32_t likeness = 0;  ///< equal for states that kLikenessBytes of text cannot tell apart within their rule
  };
  struct Rule {
    std::uint32_t start = 0;
    std::uint8_t depth = 0;
    std::array<std::uint64_t, 4> first{};  ///< bytes its texts begin with
    bool begins_with(std::uint8_t byte) const { return (first[byte / 64] >> (byte % 64) & 1) != 0; }
  };
  static constexpr int kLikenessBytes = 32;

  std::span<const ByteEdge> bytes_of(const State& state) const {
    return std::span(bytes).subspan(state.bytes_begin, state.bytes_end - state.bytes_begin);
  }
  std::span<const CallEdge> calls_of(const State& state) const {
    return std::span(calls).subspan(state.calls_begin, state.calls_end - state.calls_begin);
  }

  std::vector<State> states;
  std::vector<ByteEdge> bytes;
  std::vector<CallEdge> calls;
  std::vector<Rule> rules;
};

/// The rules of a grammar while it is put together.
class RuleSet {
 public:
  /// A rule whose text comes later (set()): rules may call each other.
  std::uint32_t reserve();
  void set(std::uint32_t rule, Expr text) { texts_[rule] = std::move(text); }
  std::uint32_t add(Expr text);
  std::size_t size() const { return texts_.size(); }

  /// Errors: too complex, no text satisfies rule 0, a rule that begins with itself or accepts the empty text.
  Result<std::shared_ptr<const Grammar>> link(Budget& budget) const;

 private:
  std::vector<Expr> texts_;
};

}  // namespace baton::grammar
