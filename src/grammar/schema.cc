#include "grammar/schema.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <unordered_map>
#include <utility>

#include "grammar/formats.h"
#include "grammar/numbers.h"
#include "grammar/regex.h"
#include "grammar/schema_merge.h"
#include "grammar/text_expr.h"

namespace baton::grammar {

namespace {

constexpr int kMaxNesting = 64;
constexpr std::size_t kMaxRules = 2048;

class SchemaCompiler {
 public:
  SchemaCompiler(const Json& root, Budget& budget) : root_(root), budget_(budget), merger_(root, budget), json_(rules_) {}

  Result<RuleSet> run() {
    referenced_.emplace("#", rules_.reserve());
    pending_.push_back({0, &root_, ""});
    while (!pending_.empty()) {
      const Pending next = pending_.front();
      pending_.pop_front();
      auto text = value(*next.schema, next.at, 0);
      if (!text) return std::unexpected(text.error());
      rules_.set(next.rule, std::move(*text));
      if (rules_.size() > kMaxRules) return too_complex();
    }
    return std::move(rules_);
  }

 private:
  struct Pending {
    std::uint32_t rule;
    const Json* schema;
    std::string at;
  };

  Result<Expr> value(const Json& schema, const std::string& at, int depth) {
    if (depth > kMaxNesting) return schema_error(at, "nested more than " + std::to_string(kMaxNesting) + " deep");
    if (!budget_.spend_work(256)) return too_complex();
    if (schema.is_object() && schema.contains("$ref")) {
      const bool alone = std::ranges::none_of(schema.items(), [](const auto& item) {
        return item.key() != "$ref" && is_assertion(item.key());
      });
      if (auto good = check_keywords(schema, at); !good) return std::unexpected(good.error());
      if (alone) return reference(schema["$ref"], step_down(at, "$ref"));
    }
    if (const Json* only = only_part(schema)) return value(*only, step_down(step_down(at, "allOf"), "0"), depth + 1);
    auto flat = merger_.flatten(schema, at);
    if (!flat) return std::unexpected(flat.error());
    return flat_value(*flat, at, depth);
  }

  /// What is said by an allOf of one schema and nothing else: often a wrapped $ref.
  static const Json* only_part(const Json& schema) {
    if (!schema.is_object() || !schema.contains("allOf")) return nullptr;
    const Json& parts = schema["allOf"];
    const auto assertions = std::ranges::count_if(schema.items(), [](const auto& item) { return is_assertion(item.key()); });
    const bool known = check_keywords(schema, "").has_value();
    return known && assertions == 1 && parts.is_array() && parts.size() == 1 ? &parts[0] : nullptr;
  }

  Result<Expr> reference(const Json& name, const std::string& at) {
    const auto target = merger_.resolve(name, at);
    if (!target) return std::unexpected(target.error());
    const auto& key = name.get_ref<const std::string&>();
    const auto found = referenced_.find(key);
    if (found != referenced_.end()) return call(found->second);
    const std::uint32_t rule = rules_.reserve();
    referenced_.emplace(key, rule);
    pending_.push_back({rule, *target, key.substr(1)});
    return call(rule);
  }

  Result<Expr> flat_value(const Json& flat, const std::string& at, int depth) {
    if (flat.is_boolean()) return flat.get<bool>() ? json_.any_value() : never();
    for (const char* keyword : {"anyOf", "oneOf"}) {
      if (flat.contains(keyword)) return branches(flat, keyword, at, depth);
    }
    if (flat.contains("enum")) return listed(flat, at);
    const auto types = types_of(flat);
    if (flat.contains("type")) {
      const Json& named = flat["type"];
      const bool good = named.is_string() || (named.is_array() && std::ranges::all_of(named, &Json::is_string));
      if (!good) return schema_error(step_down(at, "type"), "must be a type or a list of types");
    } else if (types.empty()) {
      return json_.any_value();
    }
    std::vector<Expr> choices;
    for (const std::string& type : types) {
      // A number may be any integer already.
      if (type == "integer" && std::ranges::find(types, "number") != types.end()) continue;
      auto text = typed(flat, type, at, depth);
      if (!text) return text;
      choices.push_back(std::move(*text));
    }
    return choice(std::move(choices));
  }

  Result<Expr> branches(const Json& flat, const std::string& keyword, const std::string& at, int depth) {
    const Json& list = flat[keyword];
    const std::string place = step_down(at, keyword);
    if (!list.is_array() || list.empty()) return schema_error(place, "must be a list of schemas");
    Json rest = flat;
    rest.erase(keyword);
    std::vector<Json> merged;
    std::vector<Expr> choices;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string here = step_down(place, std::to_string(i));
      if (rest.empty() && keyword == "anyOf") {
        auto text = value(list[i], here, depth + 1);
        if (!text) return text;
        choices.push_back(std::move(*text));
        continue;
      }
      auto branch = merger_.flatten(list[i], here);
      if (!branch) return std::unexpected(branch.error());
      auto both = merger_.merge(rest, *branch, here);
      if (!both) return std::unexpected(both.error());
      // A reference alone stays a call: it may lead back here.
      auto text = rest.empty() ? value(list[i], here, depth + 1) : value(*both, here, depth + 1);
      if (!text) return text;
      choices.push_back(std::move(*text));
      merged.push_back(std::move(*both));
    }
    if (keyword == "oneOf") {
      if (auto good = check_apart(merged, place); !good) return std::unexpected(good.error());
    }
    return choice(std::move(choices));
  }

  Result<void> check_apart(const std::vector<Json>& branches, const std::string& at) {
    for (std::size_t i = 0; i < branches.size(); ++i) {
      for (std::size_t j = 0; j < branches.size(); ++j) {
        if (!budget_.spend_work(150)) return too_complex();
        if (i == j || merger_.apart(branches[i], branches[j])) continue;
        return schema_error(at, "branches " + std::to_string(std::min(i, j)) + " and " + std::to_string(std::max(i, j)) +
                                    " cannot be told apart by type, constants or required members; use anyOf");
      }
    }
    return {};
  }

  Result<Expr> listed(const Json& flat, const std::string& at) {
    const Json& values = flat["enum"];
    if (!values.is_array() || values.empty()) return schema_error(step_down(at, "enum"), "must be a list of values, some of which are left");
    for (const auto& [keyword, unused] : flat.items()) {
      if (keyword != "enum" && keyword != "type") {
        return schema_error(step_down(at, keyword), "\"" + keyword + "\" beside enum or const is not supported");
      }
    }
    const auto types = types_of(flat);
    std::vector<Expr> choices;
    for (const Json& one : values) {
      const bool fits = std::ranges::any_of(types, [&](const std::string& type) { return has_type(one, type); });
      if (fits || !flat.contains("type")) choices.push_back(JsonExprs::exactly(one));
    }
    return choice(std::move(choices));
  }

  Result<Expr> typed(const Json& flat, const std::string& type, const std::string& at, int depth) {
    if (type == "null") return literal("null");
    if (type == "boolean") return choice({literal("true"), literal("false")});
    if (type == "integer" || type == "number") return number(flat, type, at);
    if (type == "string") return string(flat, at);
    if (type == "array") return array(flat, at, depth);
    if (type == "object") return object(flat, at, depth);
    return schema_error(step_down(at, "type"), "\"" + type + "\" is no type");
  }

  // ---- numbers ----

  Result<Expr> number(const Json& flat, const std::string& type, const std::string& at) {
    NumberRange range;
    struct Keyword {
      const char* name;
      std::optional<NumberBound>& bound;
      bool open;
    };
    for (const Keyword& keyword : {Keyword{"minimum", range.low, false}, Keyword{"exclusiveMinimum", range.low, true},
                                   Keyword{"maximum", range.high, false}, Keyword{"exclusiveMaximum", range.high, true}}) {
      const auto found = flat.find(keyword.name);
      if (found == flat.end()) continue;
      const bool low = &keyword.bound == &range.low;
      auto bound = bound_of(*found, {.low = low, .open = keyword.open, .integer = type == "integer"}, step_down(at, keyword.name));
      if (!bound) return std::unexpected(bound.error());
      const auto& old = keyword.bound;
      const bool tighter = !old || (low ? bound->value > old->value : bound->value < old->value) ||
                           (bound->value == old->value && bound->open);
      if (tighter) keyword.bound = *bound;
    }
    return type == "integer" ? integer_in(range) : number_in(range);
  }

  struct BoundKind {
    bool low, open, integer;
  };
  static Result<NumberBound> bound_of(const Json& value, BoundKind kind, const std::string& at) {
    constexpr double kLargest = 9.0e15;  // whole doubles up to here are exact
    if (!value.is_number()) return schema_error(at, "must be a number");
    const auto number = value.get<double>();
    if (std::abs(number) > kLargest) return schema_error(at, "bounds beyond 9e15 are not supported");
    if (number == std::floor(number)) return NumberBound{static_cast<std::int64_t>(number), kind.open};
    if (!kind.integer) return schema_error(at, "bounds that are no integers are supported for integers only");
    return NumberBound{static_cast<std::int64_t>(kind.low ? std::ceil(number) : std::floor(number)), false};
  }

  /// A count such as minItems; `fallback` without the keyword.
  static Result<std::int64_t> count(const Json& flat, const char* keyword, std::int64_t fallback, const std::string& at) {
    const auto found = flat.find(keyword);
    if (found == flat.end()) return fallback;
    const bool whole = found->is_number_unsigned() || (found->is_number_float() && found->get<double>() >= 0 &&
                                                       found->get<double>() == std::floor(found->get<double>()));
    if (!whole || found->get<double>() > 1e6) {
      return schema_error(step_down(at, keyword), "must be an integer from 0 to 1000000");
    }
    return static_cast<std::int64_t>(found->get<double>());
  }

  // ---- strings ----

  Result<Expr> string(const Json& flat, const std::string& at) {
    const auto min = count(flat, "minLength", 0, at);
    if (!min) return std::unexpected(min.error());
    const auto max = count(flat, "maxLength", kUnbounded, at);
    if (!max) return std::unexpected(max.error());
    std::vector<Expr> parts;
    if (const auto found = flat.find("pattern"); found != flat.end()) {
      if (!found->is_string()) return schema_error(step_down(at, "pattern"), "must be a string");
      auto text = parse_regex(found->get_ref<const std::string&>(), RegexMatch::anywhere, json_characters);
      if (!text) return schema_error(step_down(at, "pattern"), text.error().message);
      parts.push_back(std::move(*text));
    }
    if (const auto found = flat.find("format"); found != flat.end()) {
      const auto text = found->is_string() ? format_expr(found->get_ref<const std::string&>()) : std::nullopt;
      if (!text) return schema_error(step_down(at, "format"), "format " + found->dump() + " is not supported; known are " + known_formats());
      parts.push_back(*text);
    }
    if (*min > 0 || *max != kUnbounded) {
      if (*max != kUnbounded && *max < *min) return never();
      auto one = character();
      if (!one) return one;
      parts.push_back(repeat(std::move(*one), *min, *max));
    }
    if (parts.empty()) return json_.any_string();
    auto inside = all_of(parts);
    if (!inside) return std::unexpected(inside.error());
    return JsonExprs::in_quotes(std::move(*inside));
  }

  /// One automaton, made once: it is repeated often.
  Result<Expr> character() {
    if (character_ == nullptr) {
      auto dfa = determinise(*any_json_character(), budget_);
      if (!dfa) return std::unexpected(dfa.error());
      character_ = automaton(std::move(*dfa));
    }
    return character_;
  }

  Result<Expr> all_of(const std::vector<Expr>& parts) {
    if (parts.size() == 1) return parts.front();
    auto all = determinise(*parts.front(), budget_);
    for (std::size_t i = 1; i < parts.size() && all; ++i) {
      const auto next = determinise(*parts[i], budget_);
      if (!next) return std::unexpected(next.error());
      all = intersect(*all, *next, budget_);
    }
    if (!all) return std::unexpected(all.error());
    return automaton(std::move(*all));
  }

  // ---- arrays ----

  /// The elements by position, and what follows them; null: nothing may.
  struct Elements {
    std::vector<Expr> first;
    Expr rest;
  };

  Result<Elements> elements(const Json& flat, const std::string& at, std::int64_t min, int depth) {
    Elements out;
    const bool old_form = flat.contains("items") && flat["items"].is_array();
    const char* prefix = old_form ? "items" : "prefixItems";
    const char* rest = old_form ? "additionalItems" : "items";
    if (const auto found = flat.find(prefix); found != flat.end()) {
      if (!found->is_array()) return schema_error(step_down(at, prefix), "must be a list of schemas");
      for (std::size_t i = 0; i < found->size(); ++i) {
        auto text = value((*found)[i], step_down(step_down(at, prefix), std::to_string(i)), depth + 1);
        if (!text) return std::unexpected(text.error());
        out.first.push_back(std::move(*text));
      }
    }
    if (const auto found = flat.find(rest); found != flat.end()) {
      if (*found == Json(false)) return out;
      auto text = value(*found, step_down(at, rest), depth + 1);
      if (!text) return std::unexpected(text.error());
      out.rest = std::move(*text);
    } else if (out.first.empty() || min > std::ssize(out.first)) {
      out.rest = json_.any_value();
    }
    return out;
  }

  Result<Expr> array(const Json& flat, const std::string& at, int depth) {
    if (flat.contains("uniqueItems") && flat["uniqueItems"] != Json(false)) {
      return schema_error(step_down(at, "uniqueItems"), "\"uniqueItems\" is not supported");
    }
    const auto min = count(flat, "minItems", 0, at);
    if (!min) return std::unexpected(min.error());
    const auto max = count(flat, "maxItems", kUnbounded, at);
    if (!max) return std::unexpected(max.error());
    if (*max != kUnbounded && *max < *min) return never();
    auto elements = this->elements(flat, at, *min, depth);
    if (!elements) return std::unexpected(elements.error());
    const auto fixed = std::ssize(elements->first);
    if (elements->rest != nullptr && is_large(elements->rest)) elements->rest = call(rules_.add(elements->rest));
    if (elements->rest == nullptr && *min > fixed) return never();
    if (fixed == 0) return elements->rest == nullptr || *max == 0 ? literal("[]") : JsonExprs::array(elements->rest, *min, *max);

    // From the last position to the first, each optional one with all that follows it.
    Expr tail = sequence({});
    if (elements->rest != nullptr && (*max == kUnbounded || *max > fixed)) {
      tail = repeat(sequence({JsonExprs::comma(), elements->rest}), std::max<std::int64_t>(*min - fixed, 0),
                    *max == kUnbounded ? kUnbounded : *max - fixed);
    }
    for (std::int64_t i = fixed - 1; i >= 0; --i) {
      if (*max != kUnbounded && i >= *max) continue;
      const Expr& element = elements->first[static_cast<std::size_t>(i)];
      tail = i == 0 ? sequence({element, tail}) : sequence({JsonExprs::comma(), element, tail});
      if (i >= *min) tail = optional(tail);
    }
    return sequence({literal("["), tail, literal("]")});
  }

  // ---- objects ----

  Result<Expr> object(const Json& flat, const std::string& at, int depth) {
    const Json properties = flat.contains("properties") ? flat["properties"] : Json::object();
    if (!properties.is_object()) return schema_error(step_down(at, "properties"), "must be an object of schemas");
    auto required = required_keys(flat, at);
    if (!required) return std::unexpected(required.error());
    const auto least = count(flat, "minProperties", 0, at);
    if (!least) return std::unexpected(least.error());
    if (*least > std::ssize(*required)) {
      return schema_error(step_down(at, "minProperties"), "more than the required members is not supported");
    }
    const bool closed = flat.contains("additionalProperties") && flat["additionalProperties"] == Json(false);
    Expr other;  // the value of members that are not named
    if (flat.contains("additionalProperties") && !closed) {
      auto text = value(flat["additionalProperties"], step_down(at, "additionalProperties"), depth + 1);
      if (!text) return text;
      other = std::move(*text);
    } else if (!closed && !flat.contains("properties") && required->empty()) {
      other = json_.any_value();
    }
    Members inside{.parts = {}, .required = {}, .extra = nullptr, .separator = JsonExprs::comma()};
    for (const auto& [key, schema] : properties.items()) {
      auto text = value(schema, step_down(step_down(at, "properties"), key), depth + 1);
      if (!text) return text;
      inside.parts.push_back(JsonExprs::member(key, *text));
      inside.required.push_back(std::ranges::find(*required, key) != required->end());
    }
    for (const std::string& key : *required) {
      if (properties.contains(key)) continue;
      if (closed) return never();
      inside.parts.push_back(JsonExprs::member(key, other != nullptr ? other : json_.any_value()));
      inside.required.push_back(true);
    }
    if (other != nullptr) {
      auto key = other_key(properties, *required);
      if (!key) return key;
      inside.extra = sequence({*key, JsonExprs::colon(), other});
    }
    return sequence({literal("{"), members(std::move(inside)), literal("}")});
  }

  static Result<std::vector<std::string>> required_keys(const Json& flat, const std::string& at) {
    std::vector<std::string> keys;
    const auto found = flat.find("required");
    if (found == flat.end()) return keys;
    if (!found->is_array()) return schema_error(step_down(at, "required"), "must be a list of strings");
    for (const Json& key : *found) {
      if (!key.is_string()) return schema_error(step_down(at, "required"), "must be a list of strings");
      if (std::ranges::find(keys, key.get_ref<const std::string&>()) == keys.end()) keys.push_back(key);
      if (keys.size() > 2048) return schema_error(step_down(at, "required"), "too many members");
    }
    return keys;
  }

  /// Keys that are none of those named. Without escapes, in which a named one could hide.
  Result<Expr> other_key(const Json& properties, const std::vector<std::string>& required) {
    std::vector<Expr> named;
    for (const auto& [key, unused] : properties.items()) named.push_back(literal(Json(key).dump()));
    for (const std::string& key : required) named.push_back(literal(Json(key).dump()));
    if (named.empty()) return json_.any_string();
    const CodePoints plain = CodePoints({{0, 0x1F}, {'"', '"'}, {'\\', '\\'}}).complement();
    const auto keys = determinise(*JsonExprs::in_quotes(repeat(utf8(plain), 0, kUnbounded)), budget_);
    if (!keys) return std::unexpected(keys.error());
    const auto taken = determinise(*choice(std::move(named)), budget_);
    if (!taken) return std::unexpected(taken.error());
    auto others = subtract(*keys, *taken, budget_);
    if (!others) return std::unexpected(others.error());
    return call(rules_.add(automaton(std::move(*others))));
  }

  const Json& root_;
  Budget& budget_;
  SchemaMerger merger_;
  RuleSet rules_;
  JsonExprs json_;
  Expr character_;
  std::unordered_map<std::string, std::uint32_t> referenced_;
  std::deque<Pending> pending_;
};

}  // namespace

Result<RuleSet> rules_of_schema(const std::string& schema, Budget& budget) {
  const auto root = parse_json(schema);
  if (!root) return fail(Errc::invalid_request, "schema: " + root.error().message);
  return SchemaCompiler(*root, budget).run();
}

}  // namespace baton::grammar
