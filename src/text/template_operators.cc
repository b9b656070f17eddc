#include <algorithm>
#include <cmath>

#include "text/template_runtime.h"
#include "text/utf8.h"
#include "text/value_format.h"

namespace baton::text {
namespace {

using Kind = Value::Kind;

double real(const Value& v) {
  if (v.is(Kind::number)) return v.number();
  return static_cast<double>(v.is(Kind::boolean) ? static_cast<std::int64_t>(v.boolean()) : v.integer());
}

std::int64_t whole(const Value& v) { return v.is(Kind::boolean) ? static_cast<std::int64_t>(v.boolean()) : v.integer(); }

bool is_whole(const Value& v) { return v.is(Kind::boolean) || v.is(Kind::integer); }

Value unsupported(Runtime& rt, std::string_view op, const Value& a, const Value& b) {
  return rt.fail("unsupported operands for " + std::string(op) + ": " + std::string(type_name(a)) + " and " +
                 std::string(type_name(b)));
}

Value floor_divide(Runtime& rt, std::int64_t a, std::int64_t b, bool remainder) {
  if (b == 0) return rt.fail("division by zero");
  if (b == -1) {
    if (remainder) return Value(0);
    return a == INT64_MIN ? rt.fail("integer overflow") : Value(-a);
  }
  const std::int64_t quotient = a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
  return remainder ? Value(a - quotient * b) : Value(quotient);
}

Value integer_power(Runtime& rt, std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) return rt.fail("division by zero");
    return Value(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  std::int64_t result = 1;
  // |base| >= 2 overflows within 63 rounds; smaller bases depend on the parity alone.
  if (base >= -1 && base <= 1) return Value(exponent == 0 ? 1 : base == -1 && exponent % 2 == 0 ? 1 : base);
  for (; exponent > 0; --exponent) {
    if (__builtin_mul_overflow(result, base, &result)) return rt.fail("integer overflow");
  }
  return Value(result);
}

Value integer_arithmetic(Runtime& rt, std::string_view op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  bool overflow = false;
  if (op == "+") {
    overflow = __builtin_add_overflow(a, b, &result);
  } else if (op == "-") {
    overflow = __builtin_sub_overflow(a, b, &result);
  } else if (op == "*") {
    overflow = __builtin_mul_overflow(a, b, &result);
  } else if (op == "//" || op == "%") {
    return floor_divide(rt, a, b, op == "%");
  } else if (op == "**") {
    return integer_power(rt, a, b);
  } else {
    return b == 0 ? rt.fail("division by zero") : Value(static_cast<double>(a) / static_cast<double>(b));
  }
  return overflow ? rt.fail("integer overflow") : Value(result);
}

Value real_arithmetic(Runtime& rt, std::string_view op, double a, double b) {
  if (op == "+") return Value(a + b);
  if (op == "-") return Value(a - b);
  if (op == "*") return Value(a * b);
  if (op == "**") return Value(std::pow(a, b));
  if (b == 0) return rt.fail("division by zero");
  if (op == "/") return Value(a / b);
  if (op == "//") return Value(std::floor(a / b));
  const double remainder = std::fmod(a, b);
  return Value(remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder);
}

Value repeat(Runtime& rt, const Value& base, std::int64_t times) {
  times = std::max<std::int64_t>(times, 0);
  const std::size_t size = base.is(Kind::string) ? base.string().size() : base.items().size() * sizeof(Value);
  std::uint64_t total = 0;
  if (__builtin_mul_overflow(static_cast<std::uint64_t>(times), size, &total)) total = UINT64_MAX;
  if (!rt.charge_bytes(total)) return Value::Undefined{};
  if (size == 0) return base;
  if (base.is(Kind::string)) {
    std::string out;
    out.reserve(total);
    for (std::int64_t i = 0; i < times; ++i) out += base.string();
    return Value(std::move(out));
  }
  std::vector<Value> out;
  for (std::int64_t i = 0; i < times; ++i) out.insert(out.end(), base.items().begin(), base.items().end());
  return base.is_tuple() ? Value::tuple(std::move(out)) : Value::array(std::move(out));
}

Value joined(Runtime& rt, const Value& a, const Value& b) {
  if (a.is(Kind::string)) {
    if (!rt.charge_bytes(a.string().size() + b.string().size())) return Value::Undefined{};
    return Value(a.string() + b.string());
  }
  if (!rt.charge_bytes((a.items().size() + b.items().size()) * sizeof(Value))) return Value::Undefined{};
  std::vector<Value> out = a.items();
  out.insert(out.end(), b.items().begin(), b.items().end());
  return a.is_tuple() ? Value::tuple(std::move(out)) : Value::array(std::move(out));
}

// A slice bound as Python clamps it; `fallback` if it was left out.
std::int64_t bound(Runtime& rt, const Value& v, std::int64_t size, std::int64_t fallback, bool backwards) {
  if (v.is(Kind::null)) return fallback;
  if (!is_whole(v)) {
    rt.fail("slice bounds must be integers");
    return 0;
  }
  std::int64_t at = whole(v);
  if (at < 0) at += at < -size ? -at : size;
  if (at < 0 || whole(v) < -size) return backwards ? -1 : 0;
  return std::min(at, backwards ? size - 1 : size);
}

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t size = decode_utf8(text, i).size;
    out.push_back(text.substr(i, size));
    i += size;
  }
  return out;
}

int order_lists(Runtime& rt, const std::vector<Value>& a, const std::vector<Value>& b) {
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (!rt.charge(1)) return 0;
    if (!(a[i] == b[i])) return order(rt, a[i], b[i]);
  }
  return a.size() == b.size() ? 0 : a.size() < b.size() ? -1 : 1;
}

}  // namespace

Value binary(Runtime& rt, std::string_view op, const Value& a, const Value& b) {
  if (a.is_numeric() && b.is_numeric()) {
    return is_whole(a) && is_whole(b) ? integer_arithmetic(rt, op, whole(a), whole(b)) : real_arithmetic(rt, op, real(a), real(b));
  }
  const auto sequence = [](const Value& v) { return v.is(Kind::string) || v.is(Kind::array); };
  if (op == "+" && a.kind() == b.kind() && sequence(a) && a.is_tuple() == b.is_tuple()) return joined(rt, a, b);
  if (op == "*" && sequence(a) && is_whole(b)) return repeat(rt, a, whole(b));
  if (op == "*" && sequence(b) && is_whole(a)) return repeat(rt, b, whole(a));
  if (op == "%" && a.is(Kind::string)) return percent_format(rt, a.string(), b.is_tuple() ? b.items() : std::vector{b});
  return unsupported(rt, op, a, b);
}

Value negative(Runtime& rt, const Value& a) {
  if (a.is(Kind::number)) return Value(-a.number());
  if (!is_whole(a)) return rt.fail("bad operand for unary -: " + std::string(type_name(a)));
  return integer_arithmetic(rt, "-", 0, whole(a));
}

int order(Runtime& rt, const Value& a, const Value& b) {
  if (a.is_numeric() && b.is_numeric()) {
    if (is_whole(a) && is_whole(b)) return whole(a) < whole(b) ? -1 : whole(a) > whole(b) ? 1 : 0;
    return real(a) < real(b) ? -1 : real(a) > real(b) ? 1 : 0;
  }
  if (a.is(Kind::string) && b.is(Kind::string)) return a.string().compare(b.string());
  if (a.is(Kind::array) && b.is(Kind::array)) return order_lists(rt, a.items(), b.items());
  rt.fail(quoted(type_name(a)) + " and '" + std::string(type_name(b)) + "' have no order");
  return 0;
}

bool compare(Runtime& rt, std::string_view op, const Value& a, const Value& b) {
  if (op == "in" || op == "not in") return contains(rt, b, a) == (op == "in");
  if (op == "==" || op == "!=") {
    if (!rt.charge(1 + std::min(a.weight(), b.weight()) / 64)) return false;
    return (a == b) == (op == "==");
  }
  if ((a.is(Kind::number) && std::isnan(a.number())) || (b.is(Kind::number) && std::isnan(b.number()))) return false;
  const int sign = order(rt, a, b);
  if (op == "<") return sign < 0;
  if (op == "<=") return sign <= 0;
  return op == ">" ? sign > 0 : sign >= 0;
}

bool contains(Runtime& rt, const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::undefined: return false;
    case Kind::string:
      if (!item.is(Kind::string)) {
        rt.fail("'in <string>' needs a string on the left, not " + std::string(type_name(item)));
        return false;
      }
      return rt.charge(1 + container.string().size() / 64) && container.string().find(item.string()) != std::string::npos;
    case Kind::array:
      return std::ranges::any_of(container.items(), [&](const Value& v) { return rt.charge(1) && compare(rt, "==", v, item); });
    case Kind::map: return item.is(Kind::string) && container.find(item.string()) != nullptr;
    default: rt.fail(quoted(type_name(container)) + " is not a container"); return false;
  }
}

Value slice(Runtime& rt, const Value& base, const Value& from, const Value& to, const Value& step_value) {
  if (!base.is(Kind::string) && !base.is(Kind::array)) {
    return rt.fail(quoted(type_name(base)) + " cannot be sliced");
  }
  if (!step_value.is(Kind::null) && !is_whole(step_value)) return rt.fail("slice steps must be integers");
  const std::int64_t step = step_value.is(Kind::null) ? 1 : whole(step_value);
  if (step == 0) return rt.fail("slice step cannot be zero");
  const bool text = base.is(Kind::string);
  if (!rt.charge_bytes(text ? base.string().size() : base.items().size() * sizeof(Value))) return Value::Undefined{};
  const auto letters = text ? characters(base.string()) : std::vector<std::string_view>{};
  const auto size = static_cast<std::int64_t>(text ? letters.size() : base.items().size());
  const bool backwards = step < 0;
  const std::int64_t begin = bound(rt, from, size, backwards ? size - 1 : 0, backwards);
  const std::int64_t end = bound(rt, to, size, backwards ? -1 : size, backwards);
  std::string out;
  std::vector<Value> items;
  for (std::int64_t i = begin; backwards ? i > end : i < end;) {
    if (text) {
      out += letters[static_cast<std::size_t>(i)];
    } else {
      items.push_back(base.items()[static_cast<std::size_t>(i)]);
    }
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  if (text) return Value(std::move(out));
  return base.is_tuple() ? Value::tuple(std::move(items)) : Value::array(std::move(items));
}

Value get_item(Runtime& rt, const Value& base, const Value& key) {
  if (base.is_undefined()) return rt.fail("an undefined value has no items");
  if (is_whole(key) && (base.is(Kind::array) || base.is(Kind::string))) {
    std::int64_t at = whole(key);
    const std::int64_t size = length(rt, base);
    if (at < 0) at += size;
    if (at < 0 || at >= size) return Value::Undefined{};
    if (base.is(Kind::array)) return base.items()[static_cast<std::size_t>(at)];
    return Value(characters(base.string())[static_cast<std::size_t>(at)]);
  }
  if (!key.is(Kind::string)) return Value::Undefined{};
  if (const Value* member = base.find(key.string())) return *member;
  if (has_method(base, key.string())) return Value::Handle{Value::Handle::Type::method, 0};
  return Value::Undefined{};
}

Value get_attribute(Runtime& rt, const Value& base, std::string_view name) {
  if (base.is_undefined()) return rt.fail("an undefined value has no attribute '" + std::string(name) + "'");
  if (has_method(base, name)) return Value::Handle{Value::Handle::Type::method, 0};
  const Value* member = base.find(name);
  return member != nullptr ? *member : Value(Value::Undefined{});
}

std::vector<Value> iterate(Runtime& rt, const Value& value) {
  std::vector<Value> out;
  switch (value.kind()) {
    case Kind::undefined: break;
    case Kind::array:
      if (rt.charge_bytes(value.items().size() * sizeof(Value))) out = value.items();
      break;
    case Kind::map:
      if (!rt.charge_bytes(value.members().size() * sizeof(Value) * 2)) break;
      for (const auto& [key, member] : value.members()) out.emplace_back(key);
      break;
    case Kind::string:
      if (!rt.charge_bytes(value.string().size() * 64)) break;
      for (const std::string_view c : characters(value.string())) out.emplace_back(c);
      break;
    default: rt.fail(quoted(type_name(value)) + " is not iterable");
  }
  return out;
}

std::int64_t length(Runtime& rt, const Value& value) {
  switch (value.kind()) {
    case Kind::undefined: return 0;
    case Kind::string:
      rt.charge(1 + value.string().size() / 64);
      return static_cast<std::int64_t>(count_code_points(value.string()));
    case Kind::array: return static_cast<std::int64_t>(value.items().size());
    case Kind::map: return static_cast<std::int64_t>(value.members().size());
    default: rt.fail(quoted(type_name(value)) + " has no length"); return 0;
  }
}

}  // namespace baton::text
