#pragma once

#include <string_view>

#include "baton/error.h"
#include "grammar/text_expr.h"

namespace baton::grammar {

enum class RegexMatch : std::uint8_t {
  whole,     ///< the expression matches the whole text; ^ and $ may stand at the ends
  anywhere,  ///< as JSON Schema's "pattern": somewhere in the text, unless ^ or $ hold it
};

/// Reads a regular expression (the part of ECMA-262 that is regular): literals, ., classes, \d \w \s and their
/// complements, groups, alternation, greedy and lazy * + ? {m,n}; ^ and $ at the ends of its alternatives. \d, \w, \s
/// match ASCII only; . matches no line end. Back references, look-around, \b, \p and flags are refused.
/// Errors: invalid_request with the offset of what is wrong.
Result<Expr> parse_regex(std::string_view pattern, RegexMatch match, const Encoding& encoding);

}  // namespace baton::grammar
