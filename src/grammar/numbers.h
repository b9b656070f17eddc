#pragma once

#include <cstdint>
#include <optional>

#include "grammar/expr.h"

namespace baton::grammar {

/// A bound on a number; `open`: the bound itself is excluded.
struct NumberBound {
  std::int64_t value = 0;
  bool open = false;
};
struct NumberRange {
  std::optional<NumberBound> low, high;
};

/// Integers of JSON in the range, without leading zeros or exponents. never() if there are none.
Expr integer_in(const NumberRange& range);
/// Numbers of JSON in the range; without a range with exponents too.
Expr number_in(const NumberRange& range);

}  // namespace baton::grammar
