#include "grammar/json_expr.h"

#include <string>

#include "grammar/numbers.h"
#include "grammar/text_expr.h"

namespace baton::grammar {

namespace {

constexpr std::size_t kMaxBytes = std::size_t{256} << 10;
constexpr int kMaxNesting = 96;
constexpr int kMaxMembers = 2048;

std::unexpected<Error> bad(std::string message) { return fail(Errc::invalid_request, std::move(message)); }

/// Looks at brackets and commas alone: what the parser would make of it must stay small.
Result<void> check_shape(const std::string& text) {
  if (text.size() > kMaxBytes) return bad("longer than " + std::to_string(kMaxBytes) + " bytes");
  std::vector<int> commas;  // of each open object; arrays may be long
  std::string open;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      open.push_back(c);
      commas.push_back(0);
      if (static_cast<int>(open.size()) > kMaxNesting) return bad("nested more than " + std::to_string(kMaxNesting) + " deep");
    } else if ((c == '}' || c == ']') && !open.empty()) {
      open.pop_back();
      commas.pop_back();
    } else if (c == ',' && !open.empty() && open.back() == '{' && ++commas.back() >= kMaxMembers) {
      return bad("an object with more than " + std::to_string(kMaxMembers) + " members");
    }
  }
  return {};
}

}  // namespace

Result<Json> parse_json(const std::string& text) {
  if (auto good = check_shape(text); !good) return std::unexpected(good.error());
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    return bad("not valid JSON at byte " + std::to_string(error.byte));
  } catch (const Json::exception&) {  // numbers out of range
    return bad("JSON that cannot be read");
  }
}

Expr JsonExprs::exactly(const Json& value) {
  std::vector<Expr> parts;
  if (value.is_object()) {
    parts.push_back(literal("{"));
    for (const auto& [key, inside] : value.items()) {
      if (parts.size() > 1) parts.push_back(comma());
      parts.push_back(member(key, exactly(inside)));
    }
    parts.push_back(literal("}"));
  } else if (value.is_array()) {
    parts.push_back(literal("["));
    for (const Json& inside : value) {
      if (parts.size() > 1) parts.push_back(comma());
      parts.push_back(exactly(inside));
    }
    parts.push_back(literal("]"));
  } else {
    return literal(value.dump());
  }
  return sequence(std::move(parts));
}

Expr JsonExprs::member(const std::string& key, const Expr& value) {
  return sequence({literal(Json(key).dump()), colon(), value});
}

Expr JsonExprs::array(Expr items, std::int64_t min, std::int64_t max) {
  if (max == 0) return literal("[]");
  const Expr next = sequence({comma(), items});
  const Expr filled = sequence({items, repeat(next, std::max<std::int64_t>(min - 1, 0), max == kUnbounded ? kUnbounded : max - 1)});
  return sequence({literal("["), min == 0 ? optional(filled) : filled, literal("]")});
}

Expr JsonExprs::any_string() {
  if (string_ == nullptr) string_ = call(rules_.add(in_quotes(repeat(any_json_character(), 0, kUnbounded))));
  return string_;
}

Expr JsonExprs::any_value() {
  if (value_ != nullptr) return value_;
  const std::uint32_t rule = rules_.reserve();
  value_ = call(rule);
  rules_.set(rule, choice({any_string(), number_in({}), literal("true"), literal("false"), literal("null"), any_object(), any_array()}));
  return value_;
}

Expr JsonExprs::any_object() {
  Members inside{.extra = sequence({any_string(), colon(), any_value()}), .separator = comma()};
  return sequence({literal("{"), members(std::move(inside)), literal("}")});
}

Expr JsonExprs::any_array() { return array(any_value(), 0, kUnbounded); }

}  // namespace baton::grammar
