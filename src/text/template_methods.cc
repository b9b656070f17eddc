// Methods of Python's str, list and dict that templates call.
#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "text/template_runtime.h"
#include "text/template_text.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace baton::text {
namespace {

using Kind = Value::Kind;
using Method = Value (*)(Runtime&, const Value&, const CallArgs&);
struct Entry {
  std::string_view name;
  Method method;
};

Value parts_value(Runtime& rt, const std::vector<std::string_view>& parts) {
  std::vector<Value> out;
  if (!rt.charge_bytes(parts.size() * 64)) return Value::Undefined{};
  out.reserve(parts.size());
  for (const std::string_view part : parts) out.emplace_back(part);
  return Value::array(std::move(out));
}

// A set of characters to strip; none given or None means white space.
template <Side side>
Value strip_method(Runtime& rt, const Value& self, const CallArgs& args) {
  const Value* set = args.get(0, "chars");
  if (set == nullptr || set->is(Kind::null)) return Value(strip(self.string(), side));
  const std::string characters = string_arg(rt, set, "");
  if (!rt.charge(1 + characters.size() * self.string().size() / 64)) return Value::Undefined{};
  return Value(strip(self.string(), side, &characters));
}

template <Side side>
Value split_method(Runtime& rt, const Value& self, const CallArgs& args) {
  const Value* separator = args.get(0, "sep");
  const std::int64_t limit = integer_arg(rt, args.get(1, "maxsplit"), -1);
  const std::string& text = self.string();
  if (separator == nullptr || separator->is(Kind::null)) {
    return parts_value(rt, side == Side::left ? split_words(text, limit) : split_words_right(text, limit));
  }
  const std::string at = string_arg(rt, separator, "");
  if (!rt.ok()) return Value::Undefined{};
  if (at.empty()) return rt.fail("empty separator");
  return parts_value(rt, side == Side::left ? split_at(text, at, limit) : split_at_right(text, at, limit));
}

Value splitlines(Runtime& rt, const Value& self, const CallArgs& args) {
  const Value* keep = args.get(0, "keepends");
  return parts_value(rt, split_lines(self.string(), keep != nullptr && keep->truthy() ? Ends::kept : Ends::dropped));
}

template <bool at_end>
Value affix_test(Runtime& rt, const Value& self, const CallArgs& args) {
  const Value* affix = args.get(0, "");
  if (affix == nullptr) return rt.fail("an argument is missing");
  const std::vector<Value> choices = affix->is_tuple() ? affix->items() : std::vector{*affix};
  for (const Value& choice : choices) {
    const std::string text = string_arg(rt, &choice, "");
    if (rt.ok() && (at_end ? self.string().ends_with(text) : self.string().starts_with(text))) return Value(true);
  }
  return Value(false);
}

template <bool at_end>
Value remove_affix(Runtime& rt, const Value& self, const CallArgs& args) {
  const std::string affix = string_arg(rt, args.get(0, ""), "");
  std::string_view text = self.string();
  if (at_end ? text.ends_with(affix) : text.starts_with(affix)) {
    at_end ? text.remove_suffix(affix.size()) : text.remove_prefix(affix.size());
  }
  return Value(text);
}

Value replace_method(Runtime& rt, const Value& self, const CallArgs& args) {
  if (args.count() < 2) return rt.fail("replace() needs two strings");
  const std::string from = string_arg(rt, args.get(0, "old"), "");
  const std::string to = string_arg(rt, args.get(1, "new"), "");
  const std::int64_t limit = integer_arg(rt, args.get(2, "count"), -1);
  const std::uint64_t matches = self.string().size() / std::max<std::size_t>(from.size(), 1) + 1;
  if (!rt.charge_bytes(self.string().size() + matches * (to.size() > from.size() ? to.size() : 0))) return Value::Undefined{};
  return Value(replace_text(self.string(), from, to, limit));
}

template <bool from_end>
Value find_method(Runtime& rt, const Value& self, const CallArgs& args) {
  const std::string wanted = string_arg(rt, args.get(0, ""), "");
  if (args.count() != 1) return rt.fail("a search takes one string here");
  const std::size_t at = from_end ? self.string().rfind(wanted) : self.string().find(wanted);
  if (at == std::string::npos) return Value(-1);
  return Value(count_code_points(std::string_view(self.string()).substr(0, at)));
}

Value index_method(Runtime& rt, const Value& self, const CallArgs& args) {
  Value at = find_method<false>(rt, self, args);
  return at == Value(-1) ? rt.fail("substring not found") : at;
}

Value count_method(Runtime& rt, const Value& self, const CallArgs& args) {
  const std::string wanted = string_arg(rt, args.get(0, ""), "");
  if (wanted.empty()) return Value(count_code_points(self.string()) + 1);
  return Value(split_at(self.string(), wanted, -1).size() - 1);
}

Value join_method(Runtime& rt, const Value& self, const CallArgs& args) {
  if (args.count() != 1) return rt.fail("join() needs one list");
  std::string out;
  bool first = true;
  for (const Value& item : iterate(rt, *args.get(0, ""))) {
    const std::string part = string_arg(rt, &item, "");
    if (!rt.charge_bytes(part.size() + self.string().size())) return Value::Undefined{};
    if (!first) out += self.string();
    out += part;
    first = false;
  }
  return Value(std::move(out));
}

template <std::string (*change)(std::string_view)>
Value map_method(Runtime& rt, const Value& self, const CallArgs& /*args*/) {
  if (!rt.charge_bytes(self.string().size() * 2)) return Value::Undefined{};
  return Value(change(self.string()));
}

// isdigit and the like: not empty and all characters of the classes.
template <unsigned classes>
Value class_test(Runtime& rt, const Value& self, const CallArgs& /*args*/) {
  const std::string& text = self.string();
  if (!rt.charge(1 + text.size() / 16)) return Value::Undefined{};
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint c = decode_utf8(text, i);
    if ((UnicodeTable::instance()[c.value] & classes) == 0) return Value(false);
    i += c.size;
  }
  return Value(!text.empty());
}

template <bool want_upper>
Value case_test(Runtime& /*rt*/, const Value& self, const CallArgs& /*args*/) {
  const std::string changed = want_upper ? upper(self.string()) : lower(self.string());
  const std::string other = want_upper ? lower(self.string()) : upper(self.string());
  return Value(changed == self.string() && other != self.string());
}

Value zfill(Runtime& rt, const Value& self, const CallArgs& args) {
  const std::int64_t width = integer_arg(rt, args.get(0, "width"), 0);
  const std::int64_t missing = width - static_cast<std::int64_t>(count_code_points(self.string()));
  if (missing <= 0) return self;
  if (!rt.charge_bytes(static_cast<std::uint64_t>(width))) return Value::Undefined{};
  const bool sign = self.string().starts_with('-') || self.string().starts_with('+');
  return Value(self.string().substr(0, sign ? 1 : 0) + std::string(static_cast<std::size_t>(missing), '0') +
               self.string().substr(sign ? 1 : 0));
}

enum class Pad : unsigned char { left, right, both };
template <Pad pad>
Value pad_method(Runtime& rt, const Value& self, const CallArgs& args) {
  const std::int64_t width = integer_arg(rt, args.get(0, "width"), 0);
  const std::string fill = string_arg(rt, args.get(1, "fillchar"), " ");
  if (rt.ok() && count_code_points(fill) != 1) return rt.fail("the fill character must be one character");
  const auto missing = width - static_cast<std::int64_t>(count_code_points(self.string()));
  if (!rt.ok() || missing <= 0) return self;
  if (!rt.charge_bytes(static_cast<std::uint64_t>(missing) * fill.size())) return Value::Undefined{};
  // str.center puts the odd space left when the width is odd.
  const std::int64_t before = pad == Pad::left ? missing : pad == Pad::right ? 0 : missing / 2 + (missing & width & 1);
  std::string out;
  for (std::int64_t i = 0; i < before; ++i) out += fill;
  out += self.string();
  for (std::int64_t i = before; i < missing; ++i) out += fill;
  return Value(std::move(out));
}

template <bool from_end>
Value partition(Runtime& rt, const Value& self, const CallArgs& args) {
  const std::string separator = string_arg(rt, args.get(0, ""), "");
  if (separator.empty()) return rt.fail("empty separator");
  const std::string& text = self.string();
  const std::size_t at = from_end ? text.rfind(separator) : text.find(separator);
  if (at == std::string::npos) return from_end ? Value::tuple({"", "", self}) : Value::tuple({self, "", ""});
  return Value::tuple({text.substr(0, at), separator, text.substr(at + separator.size())});
}

Value dict_items(Runtime& rt, const Value& self, const CallArgs& /*args*/) {
  std::vector<Value> out;
  if (!rt.charge_bytes(self.members().size() * 128)) return Value::Undefined{};
  for (const auto& [key, member] : self.members()) out.push_back(Value::tuple({Value(key), member}));
  return Value::array(std::move(out));
}

Value dict_keys(Runtime& rt, const Value& self, const CallArgs& /*args*/) { return Value::array(iterate(rt, self)); }

Value dict_values(Runtime& rt, const Value& self, const CallArgs& /*args*/) {
  std::vector<Value> out;
  if (!rt.charge_bytes(self.members().size() * 32)) return Value::Undefined{};
  for (const auto& [key, member] : self.members()) out.push_back(member);
  return Value::array(std::move(out));
}

Value dict_get(Runtime& rt, const Value& self, const CallArgs& args) {
  if (args.count() == 0) return rt.fail("get() needs a key");
  const Value* key = args.get(0, "");
  const Value* member = key != nullptr && key->is(Kind::string) ? self.find(key->string()) : nullptr;
  if (member != nullptr) return *member;
  const Value* fallback = args.get(1, "");
  return fallback != nullptr ? *fallback : Value();
}

Value copy(Runtime& /*rt*/, const Value& self, const CallArgs& /*args*/) { return self; }

Value forbidden(Runtime& rt, const Value& /*self*/, const CallArgs& /*args*/) {
  return rt.fail("templates may not change their values");
}

Value list_index(Runtime& rt, const Value& self, const CallArgs& args) {
  const Value* wanted = args.get(0, "");
  if (wanted == nullptr) return rt.fail("index() needs a value");
  for (std::size_t i = 0; i < self.items().size(); ++i) {
    if (compare(rt, "==", self.items()[i], *wanted)) return Value(i);
  }
  return rt.fail("the value is not in the list");
}

Value list_count(Runtime& rt, const Value& self, const CallArgs& args) {
  const Value* wanted = args.get(0, "");
  if (wanted == nullptr) return rt.fail("count() needs a value");
  return Value(std::ranges::count_if(self.items(), [&](const Value& item) { return compare(rt, "==", item, *wanted); }));
}

constexpr std::array kStringMethods{
    Entry{"strip", strip_method<Side::both>},
    Entry{"lstrip", strip_method<Side::left>},
    Entry{"rstrip", strip_method<Side::right>},
    Entry{"split", split_method<Side::left>},
    Entry{"rsplit", split_method<Side::right>},
    Entry{"splitlines", splitlines},
    Entry{"startswith", affix_test<false>},
    Entry{"endswith", affix_test<true>},
    Entry{"removeprefix", remove_affix<false>},
    Entry{"removesuffix", remove_affix<true>},
    Entry{"replace", replace_method},
    Entry{"find", find_method<false>},
    Entry{"rfind", find_method<true>},
    Entry{"index", index_method},
    Entry{"count", count_method},
    Entry{"join", join_method},
    Entry{"upper", map_method<upper>},
    Entry{"lower", map_method<lower>},
    Entry{"casefold", map_method<lower>},
    Entry{"capitalize", map_method<capitalize>},
    Entry{"title", map_method<title>},
    Entry{"isdigit", class_test<kNumber>},
    Entry{"isdecimal", class_test<kNumber>},
    Entry{"isnumeric", class_test<kNumber>},
    Entry{"isalpha", class_test<kLetter>},
    Entry{"isalnum", class_test<kLetter | kNumber>},
    Entry{"isspace", class_test<kSpace>},
    Entry{"isupper", case_test<true>},
    Entry{"islower", case_test<false>},
    Entry{"zfill", zfill},
    Entry{"ljust", pad_method<Pad::right>},
    Entry{"rjust", pad_method<Pad::left>},
    Entry{"center", pad_method<Pad::both>},
    Entry{"partition", partition<false>},
    Entry{"rpartition", partition<true>},
};

constexpr std::array kMapMethods{
    Entry{"items", dict_items},     Entry{"keys", dict_keys},     Entry{"values", dict_values},
    Entry{"get", dict_get},         Entry{"copy", copy},          Entry{"update", forbidden},
    Entry{"pop", forbidden},        Entry{"clear", forbidden},    Entry{"setdefault", forbidden},
    Entry{"popitem", forbidden},
};

constexpr std::array kArrayMethods{
    Entry{"index", list_index},  Entry{"count", list_count},  Entry{"copy", copy},        Entry{"append", forbidden},
    Entry{"extend", forbidden},  Entry{"insert", forbidden},  Entry{"pop", forbidden},    Entry{"remove", forbidden},
    Entry{"reverse", forbidden}, Entry{"sort", forbidden},    Entry{"clear", forbidden},
};

Method find_in(std::span<const Entry> table, std::string_view name) {
  const auto it = std::ranges::find(table, name, &Entry::name);
  return it == table.end() ? nullptr : it->method;
}

Method find_method_of(const Value& object, std::string_view name) {
  switch (object.kind()) {
    case Kind::string: return find_in(kStringMethods, name);
    case Kind::map: return find_in(kMapMethods, name);
    case Kind::array: return find_in(kArrayMethods, name);
    default: return nullptr;
  }
}

}  // namespace

bool has_method(const Value& object, std::string_view name) { return find_method_of(object, name) != nullptr; }

Value call_method(Runtime& rt, const Value& object, std::string_view name, const CallArgs& args) {
  const Method method = find_method_of(object, name);
  if (method == nullptr) return rt.fail(quoted(type_name(object)) + " has no method '" + std::string(name) + "'");
  if (object.is(Kind::string) && !rt.charge_bytes(object.string().size())) return Value::Undefined{};
  return method(rt, object, args);
}

}  // namespace baton::text
