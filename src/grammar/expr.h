#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "grammar/dfa.h"

namespace baton::grammar {

struct ExprNode;
/// A language of byte strings, as a tree. Subtrees may be shared.
using Expr = std::shared_ptr<const ExprNode>;

struct ExprNode {
  enum class Kind : std::uint8_t {
    never,     ///< no string at all
    range,     ///< one byte of [low, high]
    sequence,  ///< all of `parts`, one after the other; no parts: the empty string
    choice,    ///< one of `parts`
    repeat,    ///< parts[0], min to max times
    members,   ///< parts in order, each optional or not, between `separator`s
    call,      ///< what rule `rule` says
    automaton  ///< what `dfa` accepts
  };
  Kind kind = Kind::never;
  std::uint8_t low = 0, high = 0;
  std::vector<Expr> parts;
  std::int64_t min = 0, max = 0;
  std::vector<bool> required;  ///< members: for each of `parts`
  Expr extra, separator;       ///< members: any number of these may follow the parts; null: none may
  std::uint32_t rule = 0;
  std::shared_ptr<const Dfa> dfa;
};

inline constexpr std::int64_t kUnbounded = -1;

Expr never();
Expr byte_range(std::uint8_t low, std::uint8_t high);
Expr literal(std::string_view bytes);
Expr sequence(std::vector<Expr> parts);
Expr choice(std::vector<Expr> parts);
/// `max` kUnbounded: any number from `min` on.
Expr repeat(Expr part, std::int64_t min, std::int64_t max);
inline Expr optional(Expr part) { return repeat(std::move(part), 0, 1); }
Expr call(std::uint32_t rule);
Expr automaton(Dfa dfa);

struct Members {
  std::vector<Expr> parts;
  std::vector<bool> required;
  Expr extra;  ///< may be null
  Expr separator;
};
Expr members(Members members);

/// Whether writing the expression down twice is worth avoiding.
bool is_large(const Expr& expr);

}  // namespace baton::grammar
