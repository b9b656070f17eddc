#include <algorithm>
#include <array>
#include <utility>

#include "openai/json.h"
#include "openai/request_fields.h"

namespace baton::openai {
namespace {

using json = Json;
using Kind = Constraint::Kind;

/// A way to ask for a constraint: the older top-level fields of vLLM and the members of structured_outputs.
struct Alias {
  std::string_view field;
  Kind kind;
};
constexpr std::array kGuided{Alias{"guided_json", Kind::json_schema}, Alias{"guided_regex", Kind::regex},
                             Alias{"guided_choice", Kind::choice}};
constexpr std::array kStructured{Alias{"json", Kind::json_schema}, Alias{"regex", Kind::regex},
                                 Alias{"choice", Kind::choice}, Alias{"json_object", Kind::json_object}};
constexpr std::array<std::string_view, 2> kUnsupportedGuided{"guided_grammar", "guided_whitespace_pattern"};
constexpr std::array<std::string_view, 3> kUnsupportedStructured{"grammar", "structural_tag", "whitespace_pattern"};

bool is_choice_list(const json& value) {
  return value.is_array() && !value.empty() && std::ranges::all_of(value, [](const json& v) { return v.is_string(); });
}

/// The constraint that a value of one of the fields stands for; the error sticks to `fields`.
Constraint constraint_of(FieldReader& fields, Alias alias, json& value) {
  switch (alias.kind) {
    case Kind::json_schema:
      if (value.is_string()) return {alias.kind, value.get<std::string>()};
      if (value.is_object() || value.is_boolean()) return {alias.kind, value.dump()};
      fields.fail_type(alias.field, "a JSON schema (an object, or its text)", value);
      return {};
    case Kind::regex:
      if (value.is_string()) return {alias.kind, value.get<std::string>()};
      fields.fail_type(alias.field, "a regular expression as a string", value);
      return {};
    case Kind::choice:
      if (is_choice_list(value)) return {alias.kind, value.dump()};
      fields.fail_type(alias.field, "a non-empty array of strings", value);
      return {};
    case Kind::json_object:
      if (value.is_boolean()) return {value.get<bool>() ? Kind::json_object : Kind::none, ""};
      fields.fail_type(alias.field, "a boolean", value);
      return {};
    case Kind::none:
      break;
  }
  return {};
}

/// What was asked for so far. Two ways at once contradict each other.
class Found {
 public:
  void add(FieldReader& fields, std::string_view field, Constraint constraint) {
    if (constraint.kind == Kind::none) return;
    if (constraint_.kind != Kind::none) {
      fields.fail(Errc::invalid_request,
                  "'" + std::string(field) + "' cannot be combined with another constraint on the output.", field);
    }
    constraint_ = std::move(constraint);
    field_ = field;
  }
  void move_to(Request& request) {
    request.sampling.constraint = std::move(constraint_);
    request.constraint_field = std::move(field_);
  }

 private:
  Constraint constraint_;
  std::string field_;
};

void refuse_any(FieldReader& fields, std::span<const std::string_view> names) {
  for (const std::string_view name : names) {
    if (fields.find(name) == nullptr) continue;
    fields.fail(
        Errc::unsupported_parameter,
        "'" + fields.full_name(name) + "' is not supported; use a JSON schema, a regular expression or a choice.",
        name);
  }
}

void read_aliases(FieldReader& fields, std::span<const Alias> aliases, Found& found) {
  for (const Alias alias : aliases) {
    if (json* value = fields.find(alias.field)) found.add(fields, alias.field, constraint_of(fields, alias, *value));
  }
}

void read_structured(FieldReader& fields, Found& found) {
  json* value = fields.find("structured_outputs");
  if (value == nullptr) return;
  if (!value->is_object()) return fields.fail_type("structured_outputs", "an object", *value);
  FieldReader inner(*value, "structured_outputs.");
  refuse_any(inner, kUnsupportedStructured);
  read_aliases(inner, kStructured, found);
  if (inner.error()) fields.fail(inner.error()->code, inner.error()->message, inner.error()->param);
}

void read_response_format(FieldReader& fields, Found& found) {
  json* format = fields.find("response_format");
  if (format == nullptr) return;
  if (!format->is_object()) return fields.fail_type("response_format", "an object", *format);
  FieldReader inner(*format, "response_format.");
  const auto type = inner.string("type").value_or("");
  if (type == "json_object") {
    found.add(fields, "response_format", {Kind::json_object, ""});
  } else if (type == "json_schema") {
    json* wrapper = inner.find("json_schema");
    const bool usable = wrapper != nullptr && wrapper->is_object() && wrapper->contains("schema");
    json* schema = usable ? &(*wrapper)["schema"] : nullptr;
    if (schema != nullptr && schema->is_object()) {
      found.add(fields, "response_format", {Kind::json_schema, schema->dump()});
    } else {
      inner.fail(Errc::invalid_request, "'response_format.json_schema' must be an object with an object 'schema'.",
                 "json_schema");
    }
  } else if (type != "text") {
    inner.fail(Errc::invalid_request, "'response_format.type' must be 'text', 'json_object' or 'json_schema'.", "type");
  }
  if (inner.error()) fields.fail(inner.error()->code, inner.error()->message, "response_format");
}

}  // namespace

void read_constraint(FieldReader& fields, Request& request) {
  Found found;
  refuse_any(fields, kUnsupportedGuided);
  read_response_format(fields, found);
  read_structured(fields, found);
  read_aliases(fields, kGuided, found);
  found.move_to(request);
}

}  // namespace baton::openai
