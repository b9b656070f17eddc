// Jinja's global functions.
#include <array>
#include <ctime>

#include "text/template_runtime.h"

namespace baton::text {
namespace {

constexpr std::int64_t kMaxRange = 100'000;  // as Jinja's sandbox

}  // namespace

Value make_range(Runtime& rt, const CallArgs& args) {
  if (args.positional.empty() || args.positional.size() > 3 || !args.named.empty()) {
    return rt.fail("range() takes one to three integers");
  }
  const bool single = args.positional.size() == 1;
  const std::int64_t begin = single ? 0 : integer_arg(rt, &args.positional[0], 0);
  const std::int64_t end = integer_arg(rt, &args.positional[single ? 0 : 1], 0);
  const std::int64_t step = args.positional.size() == 3 ? integer_arg(rt, &args.positional[2], 1) : 1;
  if (!rt.ok()) return Value::Undefined{};
  if (step == 0) return rt.fail("range() step must not be zero");
  std::vector<Value> items;
  for (std::int64_t i = begin; step > 0 ? i < end : i > end;) {
    if (static_cast<std::int64_t>(items.size()) == kMaxRange) return rt.fail("the range is too large");
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  if (!rt.charge_bytes(items.size() * sizeof(Value))) return Value::Undefined{};
  return Value::array(std::move(items));
}

Value make_dict(Runtime& rt, const CallArgs& args) {
  std::vector<Value::Member> members;
  for (const Value& source : args.positional) {
    if (!source.is(Value::Kind::map)) return rt.fail("expected a mapping, not " + std::string(type_name(source)));
    members.insert(members.end(), source.members().begin(), source.members().end());
  }
  members.insert(members.end(), args.named.begin(), args.named.end());
  if (!rt.charge_bytes(members.size() * 128)) return Value::Undefined{};
  return Value::map(std::move(members));
}

Value format_time(Runtime& rt, const CallArgs& args) {
  const std::string format = string_arg(rt, args.get(0, "format"), "");
  const std::time_t seconds = std::chrono::system_clock::to_time_t(rt.now);
  std::tm fields{};
  gmtime_r(&seconds, &fields);
  std::array<char, 1024> buffer{};
  return Value(std::string(buffer.data(), std::strftime(buffer.data(), buffer.size(), format.c_str(), &fields)));
}

}  // namespace baton::text
