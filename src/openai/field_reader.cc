#include "openai/field_reader.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "openai/json.h"

namespace baton::openai {
namespace {

std::string shortest(double value) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.begin(), digits.end(), value).ptr;
  return {digits.data(), end};
}

std::string in_quotes(std::string_view name) {
  return "'" + std::string(name) + "'";
}

}  // namespace

std::string_view text_member(const Json& object, std::string_view name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? std::string_view(found->get_ref<const std::string&>()) : "";
}

std::string_view type_name(const Json& value) {
  if (value.is_string()) return "a string";
  if (value.is_boolean()) return "a boolean";
  if (value.is_number_integer()) return "an integer";
  if (value.is_number()) return "a number";
  if (value.is_array()) return "an array";
  if (value.is_object()) return "an object";
  return "null";
}

std::optional<std::int64_t> as_integer(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto whole = value.get<std::uint64_t>();
    if (whole > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
    return static_cast<std::int64_t>(whole);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (!value.is_number_float()) return std::nullopt;
  const auto real = value.get<double>();
  constexpr double kExact = 9007199254740992.0;  // 2^53: beyond, a double no longer tells neighbours apart
  if (std::trunc(real) != real || std::abs(real) > kExact) return std::nullopt;
  return static_cast<std::int64_t>(real);
}

FieldReader::FieldReader(Json& object, std::string path) : object_(object), path_(std::move(path)) {}

Json* FieldReader::find(std::string_view name) {
  if (error_) return nullptr;
  const auto it = object_.find(name);
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

std::optional<double> FieldReader::number(std::string_view name, NumberRange range) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    fail_type(name, "a number", *value);
    return std::nullopt;
  }
  const auto got = value->get<double>();
  const bool above = range.low_excluded ? got > range.low : got >= range.low;
  if (std::isfinite(got) && above && got <= range.high) return got;
  fail(Errc::invalid_request,
       "Invalid value for " + in_quotes(path_ + std::string(name)) + ": " + shortest(got) + " is not in " +
           (range.low_excluded ? "(" : "[") + shortest(range.low) + ", " + shortest(range.high) + "].",
       name);
  return std::nullopt;
}

std::optional<std::int64_t> FieldReader::integer(std::string_view name, IntegerRange range) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    fail_type(name, "an integer", *value);
    return std::nullopt;
  }
  const auto got = as_integer(*value);
  if (got && *got >= range.low && *got <= range.high) return got;
  fail(Errc::invalid_request,
       "Invalid value for " + in_quotes(path_ + std::string(name)) + ": " + value->dump() + " is not an integer in [" +
           std::to_string(range.low) + ", " + std::to_string(range.high) + "].",
       name);
  return std::nullopt;
}

std::optional<bool> FieldReader::boolean(std::string_view name) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  fail_type(name, "a boolean", *value);
  return std::nullopt;
}

std::optional<std::string> FieldReader::string(std::string_view name) {
  Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return std::move(value->get_ref<std::string&>());
  fail_type(name, "a string", *value);
  return std::nullopt;
}

void FieldReader::fail(Errc code, std::string message, std::string_view name) {
  if (!error_) error_ = Error{code, std::move(message), path_ + std::string(name)};
}

void FieldReader::fail_type(std::string_view name, std::string_view expected, const Json& got) {
  fail(Errc::invalid_request,
       "Invalid type for " + in_quotes(path_ + std::string(name)) + ": expected " + std::string(expected) +
           ", but got " + std::string(type_name(got)) + " instead.",
       name);
}

}  // namespace baton::openai
