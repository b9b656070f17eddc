#include "grammar/expr.h"

#include <utility>

namespace baton::grammar {

namespace {

using Kind = ExprNode::Kind;

Expr make(ExprNode node) { return std::make_shared<const ExprNode>(std::move(node)); }

/// Nodes of the tree, shared ones each time; stops counting at `limit`.
std::size_t count_nodes(const Expr& expr, std::size_t limit) {
  if (expr == nullptr) return 0;
  if (expr->kind == Kind::automaton) return limit;
  std::size_t nodes = 1;
  for (const Expr& part : expr->parts) {
    if (nodes >= limit) return limit;
    nodes += count_nodes(part, limit - nodes);
  }
  if (expr->extra != nullptr && nodes < limit) nodes += count_nodes(expr->extra, limit - nodes);
  return nodes;
}

}  // namespace

Expr never() { return make({.kind = Kind::never}); }

Expr byte_range(std::uint8_t low, std::uint8_t high) { return make({.kind = Kind::range, .low = low, .high = high}); }

Expr literal(std::string_view bytes) {
  std::vector<Expr> parts;
  parts.reserve(bytes.size());
  for (const char c : bytes) parts.push_back(byte_range(static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(c)));
  return sequence(std::move(parts));
}

Expr sequence(std::vector<Expr> parts) {
  if (parts.size() == 1) return std::move(parts.front());
  return make({.kind = Kind::sequence, .parts = std::move(parts)});
}

Expr choice(std::vector<Expr> parts) {
  if (parts.empty()) return never();
  if (parts.size() == 1) return std::move(parts.front());
  return make({.kind = Kind::choice, .parts = std::move(parts)});
}

Expr repeat(Expr part, std::int64_t min, std::int64_t max) {
  return make({.kind = Kind::repeat, .parts = {std::move(part)}, .min = min, .max = max});
}

Expr call(std::uint32_t rule) { return make({.kind = Kind::call, .rule = rule}); }

Expr automaton(Dfa dfa) {
  return make({.kind = Kind::automaton, .dfa = std::make_shared<const Dfa>(std::move(dfa))});
}

Expr members(Members m) {
  return make({.kind = Kind::members,
               .parts = std::move(m.parts),
               .required = std::move(m.required),
               .extra = std::move(m.extra),
               .separator = std::move(m.separator)});
}

bool is_large(const Expr& expr) {
  constexpr std::size_t kLarge = 24;
  return count_nodes(expr, kLarge) >= kLarge;
}

}  // namespace baton::grammar
