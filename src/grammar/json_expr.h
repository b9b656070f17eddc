#pragma once

#include <nlohmann/json.hpp>

#include "grammar/program.h"

namespace baton::grammar {

/// Members in the order they are written.
using Json = nlohmann::ordered_json;

/// Parses JSON that came from outside: bounded in size, depth and members of an object.
Result<Json> parse_json(const std::string& text);

/// Expressions for JSON text. Between tokens stands nothing, after ',' and ':' one space at most.
class JsonExprs {
 public:
  explicit JsonExprs(RuleSet& rules) : rules_(rules) {}

  static Expr comma() { return sequence({literal(","), optional(literal(" "))}); }
  static Expr colon() { return sequence({literal(":"), optional(literal(" "))}); }
  /// Exactly this value; strings in one spelling.
  static Expr exactly(const Json& value);
  /// "key": value
  static Expr member(const std::string& key, const Expr& value);
  static Expr in_quotes(Expr inside) { return sequence({literal("\""), std::move(inside), literal("\"")}); }
  static Expr array(Expr items, std::int64_t min, std::int64_t max);

  Expr any_string();
  Expr any_value();
  Expr any_object();
  Expr any_array();

 private:
  RuleSet& rules_;
  Expr string_, value_;
};

}  // namespace baton::grammar
