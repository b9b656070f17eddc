#include "grammar/schema_merge.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace baton::grammar {

namespace {

constexpr int kMaxMergeDepth = 32;
constexpr std::size_t kMaxCombinations = 64;

/// Keywords that are understood, with the type of value each speaks of.
constexpr std::array<std::pair<std::string_view, std::string_view>, 27> kAssertions{{
    {"type", ""},           {"enum", ""},         {"const", ""},       {"anyOf", ""},
    {"oneOf", ""},          {"allOf", ""},        {"$ref", ""},        {"properties", "object"},
    {"required", "object"}, {"additionalProperties", "object"},        {"minProperties", "object"},
    {"items", "array"},     {"prefixItems", "array"},                  {"additionalItems", "array"},
    {"minItems", "array"},  {"maxItems", "array"},                     {"uniqueItems", "array"},
    {"minLength", "string"}, {"maxLength", "string"},                  {"pattern", "string"},
    {"format", "string"},   {"minimum", "number"}, {"maximum", "number"},
    {"exclusiveMinimum", "number"}, {"exclusiveMaximum", "number"},    {"multipleOf", "number"},
    {"maxProperties", "object"},
}};
constexpr std::array<std::string_view, 20> kAnnotations{
    "title", "description", "default", "examples", "example", "$comment", "$id", "$schema", "$defs", "definitions",
    "deprecated", "readOnly", "writeOnly", "contentMediaType", "contentEncoding", "discriminator", "$anchor",
    "externalDocs", "xml", "$vocabulary"};

bool is_annotation(const std::string& keyword) {
  return keyword.starts_with("x-") || std::ranges::find(kAnnotations, keyword) != kAnnotations.end();
}

/// Values in the tree, what copying it costs.
std::int64_t weight(const Json& json) {
  std::int64_t sum = 1;
  if (json.is_structured()) {
    for (const Json& inside : json) sum += weight(inside);
  }
  return sum;
}

/// A schema both of whose parts hold; flattened where it is used.
Json both(const Json& a, const Json& b) {
  if (a == b || b == Json(true)) return a;
  if (a == Json(true)) return b;
  return Json{{"allOf", Json::array({a, b})}};
}

Json additional_of(const Json& schema) {
  const auto found = schema.find("additionalProperties");
  return found == schema.end() ? Json(true) : *found;
}

Json properties_of(const Json& schema) {
  const auto found = schema.find("properties");
  return found != schema.end() && found->is_object() ? *found : Json::object();
}

/// A member only one side names must also be what the other side says of members it does not name.
void merge_objects(Json& into, const Json& other) {
  const bool closed = into.contains("additionalProperties") || other.contains("additionalProperties");
  const Json rest_a = additional_of(into), rest_b = additional_of(other);
  Json merged = properties_of(into);
  const Json theirs = properties_of(other);
  for (auto& [key, schema] : merged.items()) schema = both(schema, theirs.contains(key) ? theirs[key] : rest_b);
  for (const auto& [key, schema] : theirs.items()) {
    if (!merged.contains(key)) merged[key] = both(schema, rest_a);
  }
  if (into.contains("properties") || other.contains("properties")) into["properties"] = std::move(merged);
  if (closed) into["additionalProperties"] = both(rest_a, rest_b);
}

Json intersection(const Json& a, const Json& b) {
  Json common = Json::array();
  for (const Json& value : a) {
    if (std::ranges::find(b, value) != b.end()) common.push_back(value);
  }
  return common;
}

Json as_list(const Json& type) { return type.is_array() ? type : Json::array({type}); }

Json common_types(const Json& a, const Json& b) {
  Json common = Json::array();
  for (const Json& type : as_list(a)) {
    for (const Json& other : as_list(b)) {
      const bool narrower = (type == "integer" && other == "number") || (type == "number" && other == "integer");
      const Json both_types = narrower ? Json("integer") : type;
      if ((narrower || type == other) && std::ranges::find(common, both_types) == common.end()) common.push_back(both_types);
    }
  }
  return common;
}

bool overlap(const std::string& a, const std::string& b) {
  const auto numeric = [](const std::string& type) { return type == "integer" || type == "number"; };
  return a == b || (numeric(a) && numeric(b));
}

bool requires_member(const Json& schema, const std::string& key) {
  const auto found = schema.find("required");
  return found != schema.end() && found->is_array() && std::ranges::find(*found, Json(key)) != found->end();
}

/// The constants a schema, if it is as simple as that, allows.
std::optional<Json> constants(const Json& schema) {
  if (!schema.is_object()) return std::nullopt;
  if (schema.contains("const")) return Json::array({schema["const"]});
  if (schema.contains("enum") && schema["enum"].is_array()) return schema["enum"];
  return std::nullopt;
}

bool only_objects(const Json& flat) {
  const auto types = types_of(flat);
  return types.size() == 1 && types.front() == "object";
}

}  // namespace

std::unexpected<Error> schema_error(const std::string& at, const std::string& what) {
  return fail(Errc::invalid_request, "schema, at " + (at.empty() ? std::string("its root") : at) + ": " + what);
}

std::string step_down(const std::string& at, const std::string& key) {
  std::string path = at + "/";
  for (const char c : key) {
    if (c == '~') path += "~0";
    else if (c == '/') path += "~1";
    else path += c;
  }
  return path;
}

bool is_assertion(const std::string& keyword) {
  return std::ranges::find(kAssertions, std::string_view(keyword), &std::pair<std::string_view, std::string_view>::first) !=
         kAssertions.end();
}

Result<void> check_keywords(const Json& schema, const std::string& at) {
  for (const auto& [keyword, value] : schema.items()) {
    const bool refused = keyword == "multipleOf" || keyword == "maxProperties";
    if (refused || (!is_assertion(keyword) && !is_annotation(keyword))) {
      return schema_error(step_down(at, keyword), "\"" + keyword + "\" is not supported");
    }
  }
  return {};
}

Result<const Json*> SchemaMerger::resolve(const Json& reference, const std::string& at) const {
  if (!reference.is_string()) return schema_error(at, "$ref must be a string");
  std::string_view rest = reference.get_ref<const std::string&>();
  const auto missing = [&] { return schema_error(at, "$ref " + reference.dump() + " leads nowhere in this schema"); };
  if (!rest.starts_with('#')) return schema_error(at, "$ref must begin with #: other documents are not fetched");
  rest.remove_prefix(1);
  const Json* place = &root_;
  while (!rest.empty()) {
    if (rest.front() != '/') return missing();
    const auto end = std::min(rest.find('/', 1), rest.size());
    std::string key;
    for (std::size_t i = 1; i < end; ++i) {
      unsigned code = 0;
      if (rest[i] == '~' && i + 1 < end && (rest[i + 1] == '0' || rest[i + 1] == '1')) {
        key += rest[++i] == '0' ? '~' : '/';
      } else if (rest[i] == '%' && i + 2 < end &&
                 std::from_chars(rest.data() + i + 1, rest.data() + i + 3, code, 16).ptr == rest.data() + i + 3) {
        key += static_cast<char>(static_cast<unsigned char>(code));
        i += 2;
      } else {
        key += rest[i];
      }
    }
    rest.remove_prefix(end);
    std::size_t index = 0;
    if (place->is_object() && place->contains(key)) {
      place = &(*place)[key];
    } else if (place->is_array() && std::from_chars(key.data(), key.data() + key.size(), index).ptr == key.data() + key.size() &&
               !key.empty() && index < place->size()) {
      place = &(*place)[index];
    } else {
      return missing();
    }
  }
  return place;
}

Result<Json> SchemaMerger::flatten(const Json& schema, const std::string& at, int depth) {
  if (schema.is_boolean()) return schema;
  if (!schema.is_object()) return schema_error(at, "a schema must be an object or a boolean");
  if (depth > kMaxMergeDepth) return schema_error(at, "$ref and allOf lead to each other without end");
  if (auto good = check_keywords(schema, at); !good) return std::unexpected(good.error());
  if (!budget_.spend_work(16 * weight(schema))) return too_complex();
  Json flat = Json::object();
  for (const auto& [keyword, value] : schema.items()) {
    if (keyword == "const") {
      flat["enum"] = flat.contains("enum") ? intersection(flat["enum"], Json::array({value})) : Json::array({value});
    } else if (keyword == "enum" && flat.contains("enum") && value.is_array()) {
      flat["enum"] = intersection(flat["enum"], value);
    } else if (is_assertion(keyword) && keyword != "$ref" && keyword != "allOf") {
      flat[keyword] = value;
    }
  }
  if (const auto found = schema.find("$ref"); found != schema.end()) {
    const auto target = resolve(*found, step_down(at, "$ref"));
    if (!target) return std::unexpected(target.error());
    auto named = flatten(**target, at, depth + 1);
    if (!named) return named;
    auto merged = merge(*named, flat, at);
    if (!merged) return merged;
    flat = std::move(*merged);
  }
  if (const auto found = schema.find("allOf"); found != schema.end()) {
    if (!found->is_array() || found->empty()) return schema_error(step_down(at, "allOf"), "must be a list of schemas");
    for (const Json& part : *found) {
      auto other = flatten(part, step_down(at, "allOf"), depth + 1);
      if (!other) return other;
      auto merged = merge(flat, *other, step_down(at, "allOf"));
      if (!merged) return merged;
      flat = std::move(*merged);
    }
  }
  return flat;
}

Result<Json> SchemaMerger::merge(const Json& a, const Json& b, const std::string& at) {
  if (a.is_boolean()) return a.get<bool>() ? b : a;
  if (b.is_boolean()) return b.get<bool>() ? a : b;
  if (!budget_.spend_work(16 * (weight(a) + weight(b)) * (1 + std::ssize(b)))) return too_complex();
  Json merged = a;
  merge_objects(merged, b);
  for (const auto& [keyword, value] : b.items()) {
    if (keyword == "properties" || keyword == "additionalProperties") continue;
    if (!merged.contains(keyword)) {
      merged[keyword] = value;
    } else if (auto good = merge_keyword(merged, keyword, value, at); !good) {
      return std::unexpected(good.error());
    }
  }
  const bool tuples = merged.contains("prefixItems") || (merged.contains("items") && merged["items"].is_array());
  if (tuples && (a.contains("items") || a.contains("prefixItems")) && (b.contains("items") || b.contains("prefixItems"))) {
    return schema_error(at, "prefixItems cannot be combined with the items of another part of allOf");
  }
  return merged;
}

/// `into` has the keyword too.
Result<void> SchemaMerger::merge_keyword(Json& into, const std::string& keyword, const Json& value, const std::string& at) const {
  Json& mine = into[keyword];
  if (mine == value) return {};
  const bool numbers = mine.is_number() && value.is_number();
  if (keyword == "type") {
    mine = common_types(mine, value);
  } else if (keyword == "enum" && mine.is_array() && value.is_array()) {
    mine = intersection(mine, value);
  } else if (keyword == "required" && mine.is_array() && value.is_array()) {
    for (const Json& key : value) {
      if (std::ranges::find(mine, key) == mine.end()) mine.push_back(key);
    }
  } else if (numbers && (keyword.starts_with("min") || keyword == "exclusiveMinimum")) {
    mine = std::max(mine, value);
  } else if (numbers && (keyword.starts_with("max") || keyword == "exclusiveMaximum")) {
    mine = std::min(mine, value);
  } else if (keyword == "items" && !mine.is_array() && !value.is_array()) {
    mine = both(mine, value);
  } else if (keyword == "anyOf" && mine.is_array() && value.is_array() && mine.size() * value.size() <= kMaxCombinations) {
    Json combined = Json::array();
    for (const Json& x : mine) {
      for (const Json& y : value) combined.push_back(both(x, y));
    }
    mine = std::move(combined);
  } else {
    return schema_error(at, "two values of \"" + keyword + "\" cannot be combined");
  }
  return {};
}

bool has_type(const Json& value, const std::string& type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  return type == "object" && value.is_object();
}

std::vector<std::string> types_of(const Json& flat) {
  std::vector<std::string> types;
  const auto add = [&](std::string type) {
    if (std::ranges::find(types, type) == types.end()) types.push_back(std::move(type));
  };
  if (const auto found = flat.find("type"); found != flat.end()) {
    for (const Json& type : as_list(*found)) {
      if (type.is_string()) add(type.get<std::string>());
    }
  } else if (const auto listed = flat.find("enum"); listed != flat.end() && listed->is_array()) {
    for (const Json& value : *listed) {
      for (const char* type : {"null", "boolean", "number", "string", "array", "object"}) {
        if (has_type(value, type)) add(type);
      }
    }
  } else {
    for (const auto& [keyword, type] : kAssertions) {
      if (!type.empty() && flat.contains(std::string(keyword))) add(std::string(type));
    }
  }
  return types;
}

bool SchemaMerger::apart(const Json& a, const Json& b) const {
  if (!a.is_object() || !b.is_object()) return a == Json(false) || b == Json(false);
  for (const char* nested : {"anyOf", "oneOf"}) {
    if (a.contains(nested) || b.contains(nested)) return false;
  }
  const auto types_a = types_of(a), types_b = types_of(b);
  if (types_a.empty() || types_b.empty()) return false;
  const bool common = std::ranges::any_of(types_a, [&](const std::string& type) {
    return std::ranges::any_of(types_b, [&](const std::string& other) { return overlap(type, other); });
  });
  if (!common) return true;
  const auto constants_a = constants(a), constants_b = constants(b);
  if (constants_a && constants_b) return intersection(*constants_a, *constants_b).empty();
  if (!only_objects(a) || !only_objects(b)) return false;
  const Json mine = properties_of(a), theirs = properties_of(b);
  const bool closed = a.contains("properties") && (!a.contains("additionalProperties") || a["additionalProperties"] == Json(false));
  const auto lacks = [&](const Json& key) { return key.is_string() && !mine.contains(key.get<std::string>()) && !requires_member(a, key.get<std::string>()); };
  if (closed && b.contains("required") && b["required"].is_array() && std::ranges::any_of(b["required"], lacks)) return true;
  return std::ranges::any_of(mine.items(), [&](const auto& member) {
    if (!requires_member(a, member.key()) || !requires_member(b, member.key()) || !theirs.contains(member.key())) return false;
    const auto x = constants(member.value()), y = constants(theirs[member.key()]);
    return x && y && intersection(*x, *y).empty();
  });
}

}  // namespace baton::grammar
