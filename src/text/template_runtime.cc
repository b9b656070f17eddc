#include "text/template_runtime.h"

#include <algorithm>

namespace baton::text {

const Value* CallArgs::get(std::size_t index, std::string_view name) const {
  if (index < positional.size()) return &positional[index];
  const auto it = std::ranges::find(named, name, &std::pair<std::string, Value>::first);
  return it == named.end() ? nullptr : &it->second;
}

CallArgs CallArgs::without_first(std::size_t n) const {
  CallArgs rest = *this;
  rest.positional.erase(rest.positional.begin(),
                        rest.positional.begin() + static_cast<std::ptrdiff_t>(std::min(n, rest.positional.size())));
  return rest;
}

Value Runtime::fail(std::string message) {
  return raise("chat template, line " + std::to_string(line) + ": " + std::move(message));
}

Value Runtime::raise(std::string message) {
  if (!error_) error_ = Error{Errc::invalid_request, std::move(message)};
  return Value::Undefined{};
}

bool Runtime::charge(std::uint64_t units) {
  if (!ok()) return false;
  if (units > steps_left_) {
    steps_left_ = 0;
    fail("rendering takes too many steps");
    return false;
  }
  steps_left_ -= units;
  return true;
}

bool Runtime::charge_bytes(std::uint64_t bytes) {
  if (!charge(1 + bytes / 64)) return false;
  if (bytes > bytes_left_) {
    fail("rendering takes too much memory");
    return false;
  }
  bytes_left_ -= bytes;
  return true;
}

std::string quoted(std::string_view text) {
  std::string out(1, '\'');
  out += text;
  out += '\'';
  return out;
}

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::undefined: return "undefined";
    case Value::Kind::null: return "none";
    case Value::Kind::boolean: return "bool";
    case Value::Kind::integer: return "int";
    case Value::Kind::number: return "float";
    case Value::Kind::string: return "str";
    case Value::Kind::array: return "list";
    case Value::Kind::map: return "dict";
    case Value::Kind::handle: return "object";
  }
  return "object";
}

std::string string_arg(Runtime& rt, const Value* arg, std::string_view fallback) {
  if (arg == nullptr) return std::string(fallback);
  if (!arg->is(Value::Kind::string)) {
    rt.fail("expected a string, not " + std::string(type_name(*arg)));
    return {};
  }
  return arg->string();
}

std::int64_t integer_arg(Runtime& rt, const Value* arg, std::int64_t fallback) {
  if (arg == nullptr) return fallback;
  if (arg->is(Value::Kind::boolean)) return arg->boolean() ? 1 : 0;
  if (!arg->is(Value::Kind::integer)) {
    rt.fail("expected an integer, not " + std::string(type_name(*arg)));
    return 0;
  }
  return arg->integer();
}

}  // namespace baton::text
