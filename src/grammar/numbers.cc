#include "grammar/numbers.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace baton::grammar {

namespace {

/// No more digits than 64 bits hold: an answer must end, and readers of it must not overflow.
constexpr std::int64_t kMostDigits = 18;

Expr digit(char low, char high) { return byte_range(static_cast<std::uint8_t>(low), static_cast<std::uint8_t>(high)); }
Expr any_digits(std::size_t count) {
  return repeat(digit('0', '9'), static_cast<std::int64_t>(count), static_cast<std::int64_t>(count));
}

enum class Side : std::uint8_t { at_least, at_most };

/// Digit strings as long as `bound`, on one side of it or equal.
Expr beside(std::string_view bound, Side side) {
  if (bound.empty()) return sequence({});
  const char first = bound.front();
  std::vector<Expr> parts{sequence({digit(first, first), beside(bound.substr(1), side)})};
  const bool room = side == Side::at_least ? first < '9' : first > '0';
  if (room) {
    const Expr rest = side == Side::at_least ? digit(static_cast<char>(first + 1), '9') : digit('0', static_cast<char>(first - 1));
    parts.push_back(sequence({rest, any_digits(bound.size() - 1)}));
  }
  return choice(std::move(parts));
}

/// Digit strings of one length from `low` to `high`.
Expr between(std::string_view low, std::string_view high) {
  if (low.empty()) return sequence({});
  if (low.front() == high.front()) {
    return sequence({digit(low.front(), low.front()), between(low.substr(1), high.substr(1))});
  }
  std::vector<Expr> parts{sequence({digit(low.front(), low.front()), beside(low.substr(1), Side::at_least)}),
                          sequence({digit(high.front(), high.front()), beside(high.substr(1), Side::at_most)})};
  if (low.front() + 1 < high.front()) {
    parts.push_back(sequence({digit(static_cast<char>(low.front() + 1), static_cast<char>(high.front() - 1)),
                              any_digits(low.size() - 1)}));
  }
  return choice(std::move(parts));
}

/// Natural numbers from `low` to `high`; none: without end.
Expr naturals(std::uint64_t low, std::optional<std::uint64_t> high) {
  if (high && *high < low) return never();
  const std::string first = std::to_string(low), last = high ? std::to_string(*high) : std::string();
  const std::size_t most = high ? last.size() : first.size();
  std::vector<Expr> parts;
  for (std::size_t size = first.size(); size <= most; ++size) {
    const std::string from = size == first.size() ? first : "1" + std::string(size - 1, '0');
    const std::string to = high && size == last.size() ? last : std::string(size, '9');
    parts.push_back(between(from, to));
  }
  if (!high) {
    parts.push_back(sequence({digit('1', '9'), repeat(digit('0', '9'), static_cast<std::int64_t>(most), std::max(kMostDigits - 1, static_cast<std::int64_t>(most)))}));
  }
  return choice(std::move(parts));
}

/// Magnitudes; the sign is written by the caller.
struct Magnitudes {
  std::uint64_t low = 0;
  bool low_open = false;
  std::optional<std::uint64_t> high;
  bool high_open = false;
};

std::uint64_t magnitude(std::int64_t value) {
  return value < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
}

/// The numbers of the range on one side of zero, as magnitudes; zero counts as positive.
std::optional<Magnitudes> positive_part(const NumberRange& range) {
  Magnitudes part;
  if (range.high && (range.high->value < 0 || (range.high->value == 0 && range.high->open))) return std::nullopt;
  if (range.high) part.high = magnitude(range.high->value), part.high_open = range.high->open;
  if (range.low && range.low->value >= 0) part.low = magnitude(range.low->value), part.low_open = range.low->open;
  return part;
}
std::optional<Magnitudes> negative_part(const NumberRange& range) {
  Magnitudes part{.low = 0, .low_open = true};
  if (range.low && range.low->value >= 0) return std::nullopt;
  if (range.low) part.high = magnitude(range.low->value), part.high_open = range.low->open;
  if (range.high && range.high->value < 0) part.low = magnitude(range.high->value), part.low_open = range.high->open;
  return part;
}

Expr integers(const Magnitudes& m) {
  if (m.high && m.high_open && *m.high == 0) return never();
  const std::uint64_t low = m.low + (m.low_open ? 1 : 0);
  return naturals(low, m.high ? std::optional(*m.high - (m.high_open ? 1 : 0)) : std::nullopt);
}

/// Decimal fractions: below the upper bound every fraction of a smaller whole part will do.
Expr decimals(const Magnitudes& m) {
  // Few enough digits that reading the number back as a double does not round it onto a bound.
  constexpr std::int64_t kFraction = 9;
  const Expr any_fraction = optional(sequence({literal("."), repeat(digit('0', '9'), 1, kFraction)}));
  const Expr zeros = repeat(digit('0', '0'), 0, kFraction - 1);
  const Expr no_fraction = optional(sequence({literal("."), repeat(digit('0', '0'), 1, kFraction)}));
  const Expr some_fraction = sequence({literal("."), zeros, digit('1', '9'), repeat(digit('0', '9'), 0, kFraction)});
  std::vector<Expr> parts;
  const auto whole = [&](std::uint64_t value) { return literal(std::to_string(value)); };
  if (m.high && *m.high < m.low) return never();
  if (m.high && *m.high == m.low) return m.low_open || m.high_open ? never() : sequence({whole(m.low), no_fraction});
  parts.push_back(sequence({whole(m.low), m.low_open ? some_fraction : any_fraction}));
  if (!m.high) {
    parts.push_back(sequence({naturals(m.low + 1, std::nullopt), any_fraction}));
  } else {
    if (*m.high - m.low > 1) parts.push_back(sequence({naturals(m.low + 1, *m.high - 1), any_fraction}));
    if (!m.high_open) parts.push_back(sequence({whole(*m.high), no_fraction}));
  }
  return choice(std::move(parts));
}

template <class Write>
Expr signed_numbers(const NumberRange& range, Write write) {
  std::vector<Expr> parts;
  if (const auto part = positive_part(range)) parts.push_back(write(*part));
  if (const auto part = negative_part(range)) parts.push_back(sequence({literal("-"), write(*part)}));
  return choice(std::move(parts));
}

Expr unsigned_integer() {
  return choice({literal("0"), sequence({digit('1', '9'), repeat(digit('0', '9'), 0, kMostDigits - 1)})});
}

}  // namespace

Expr integer_in(const NumberRange& range) {
  if (!range.low && !range.high) return sequence({optional(literal("-")), unsigned_integer()});
  return signed_numbers(range, integers);
}

Expr number_in(const NumberRange& range) {
  if (range.low || range.high) return signed_numbers(range, decimals);
  const Expr fraction = sequence({literal("."), repeat(digit('0', '9'), 1, kMostDigits)});
  const Expr sign = choice({literal("+"), literal("-")});
  const Expr exponent = sequence({choice({literal("e"), literal("E")}), optional(sign), repeat(digit('0', '9'), 1, 2)});
  return sequence({optional(literal("-")), unsigned_integer(), optional(fraction), optional(exponent)});
}

}  // namespace baton::grammar
