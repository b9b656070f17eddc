// Jinja's tests (`x is name`).
#include <algorithm>
#include <array>

#include "text/template_runtime.h"
#include "text/template_text.h"

namespace baton::text {
namespace {

using Kind = Value::Kind;
using Test = bool (*)(Runtime&, const Value&, const CallArgs&);

template <Kind kind>
bool is_kind(Runtime& /*rt*/, const Value& v, const CallArgs& /*args*/) {
  return v.is(kind);
}

template <bool value>
bool is_flag(Runtime& /*rt*/, const Value& v, const CallArgs& /*args*/) {
  return v.is(Kind::boolean) && v.boolean() == value;
}

bool is_defined(Runtime& /*rt*/, const Value& v, const CallArgs& /*args*/) { return !v.is_undefined(); }
bool is_number(Runtime& /*rt*/, const Value& v, const CallArgs& /*args*/) { return v.is_numeric(); }
bool is_callable(Runtime& /*rt*/, const Value& v, const CallArgs& /*args*/) {
  return v.is(Kind::handle) && v.handle().type != Value::Handle::Type::name_space;
}
// An undefined value can be looped over, so it is iterable and a sequence (it has a length and items).
bool is_iterable(Runtime& /*rt*/, const Value& v, const CallArgs& /*args*/) {
  return v.is_undefined() || v.is(Kind::string) || v.is(Kind::array) || v.is(Kind::map);
}
bool is_sequence(Runtime& /*rt*/, const Value& v, const CallArgs& /*args*/) {
  return v.is(Kind::string) || v.is(Kind::array) || v.is(Kind::map) || v.is_undefined();
}

bool missing_argument(Runtime& rt) {
  rt.fail("a test lacks its argument");
  return false;
}

template <char op1, char op2 = '\0'>
bool is_compared(Runtime& rt, const Value& v, const CallArgs& args) {
  constexpr std::array op{op1, op2};
  const Value* other = args.get(0, "");
  if (other == nullptr) return missing_argument(rt);
  return compare(rt, std::string_view(op.data(), op2 == '\0' ? 1 : 2), v, *other);
}

bool is_in(Runtime& rt, const Value& v, const CallArgs& args) {
  const Value* container = args.get(0, "seq");
  return container == nullptr ? missing_argument(rt) : contains(rt, *container, v);
}

bool is_same(Runtime& rt, const Value& v, const CallArgs& args) {
  const Value* other = args.get(0, "other");
  if (other == nullptr) return missing_argument(rt);
  return v.kind() == other->kind() && compare(rt, "==", v, *other);
}

template <std::int64_t remainder>
bool is_parity(Runtime& rt, const Value& v, const CallArgs& /*args*/) {
  return compare(rt, "==", binary(rt, "%", v, Value(2)), Value(remainder));
}

bool is_divisible(Runtime& rt, const Value& v, const CallArgs& args) {
  const Value* by = args.get(0, "num");
  return by == nullptr ? missing_argument(rt) : compare(rt, "==", binary(rt, "%", v, *by), Value(0));
}

template <bool want_upper>
bool is_case(Runtime& rt, const Value& v, const CallArgs& args) {
  return v.is(Kind::string) && call_method(rt, v, want_upper ? "isupper" : "islower", args).truthy();
}

bool is_escaped(Runtime& /*rt*/, const Value& /*v*/, const CallArgs& /*args*/) { return false; }

struct Entry {
  std::string_view name;
  Test test;
};

constexpr std::array kTests{
    Entry{"defined", is_defined},
    Entry{"undefined", is_kind<Kind::undefined>},
    Entry{"none", is_kind<Kind::null>},
    Entry{"boolean", is_kind<Kind::boolean>},
    Entry{"true", is_flag<true>},
    Entry{"false", is_flag<false>},
    Entry{"integer", is_kind<Kind::integer>},
    Entry{"float", is_kind<Kind::number>},
    Entry{"number", is_number},
    Entry{"string", is_kind<Kind::string>},
    Entry{"mapping", is_kind<Kind::map>},
    Entry{"iterable", is_iterable},
    Entry{"sequence", is_sequence},
    Entry{"callable", is_callable},
    Entry{"escaped", is_escaped},
    Entry{"sameas", is_same},
    Entry{"in", is_in},
    Entry{"odd", is_parity<1>},
    Entry{"even", is_parity<0>},
    Entry{"divisibleby", is_divisible},
    Entry{"upper", is_case<true>},
    Entry{"lower", is_case<false>},
    Entry{"equalto", is_compared<'=', '='>},
    Entry{"eq", is_compared<'=', '='>},
    Entry{"==", is_compared<'=', '='>},
    Entry{"ne", is_compared<'!', '='>},
    Entry{"!=", is_compared<'!', '='>},
    Entry{"lt", is_compared<'<'>},
    Entry{"lessthan", is_compared<'<'>},
    Entry{"<", is_compared<'<'>},
    Entry{"le", is_compared<'<', '='>},
    Entry{"<=", is_compared<'<', '='>},
    Entry{"gt", is_compared<'>'>},
    Entry{"greaterthan", is_compared<'>'>},
    Entry{">", is_compared<'>'>},
    Entry{"ge", is_compared<'>', '='>},
    Entry{">=", is_compared<'>', '='>},
};

}  // namespace

bool apply_test(Runtime& rt, std::string_view name, const Value& input, const CallArgs& args) {
  const auto it = std::ranges::find(kTests, name, &Entry::name);
  if (it == kTests.end()) {
    rt.fail("no test named " + quoted(name));
    return false;
  }
  return it->test(rt, input, args);
}

}  // namespace baton::text
