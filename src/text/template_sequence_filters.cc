// Jinja's filters of sequences and mappings.
#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "text/template_filters.h"
#include "text/template_text.h"
#include "text/value_format.h"

namespace baton::text {
namespace {

using Kind = Value::Kind;

Value list_of(std::vector<Value> items) { return Value::array(std::move(items)); }

// "a.b.0" looked up step by step.
Value attribute_path(Runtime& rt, const Value& item, const Value& path) {
  if (path.is(Kind::integer)) return get_item(rt, item, path);
  if (!path.is(Kind::string)) return rt.fail("an attribute must be a string");
  Value value = item;
  for (const std::string_view part : split_at(path.string(), ".", -1)) {
    std::int64_t index = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool number = error == std::errc() && end == part.data() + part.size();
    value = get_item(rt, value, number ? Value(index) : Value(part));
  }
  return value;
}

Value lowered(const Value& v) { return v.is(Kind::string) ? Value(lower(v.string())) : v; }

// What items are ordered by: themselves or an attribute, case folded unless asked otherwise.
std::vector<std::pair<Value, Value>> keyed_items(Runtime& rt, const Value& v, const Value* attribute, const Value* case_sensitive) {
  std::vector<std::pair<Value, Value>> out;
  const bool fold = case_sensitive == nullptr || !case_sensitive->truthy();
  for (Value& item : iterate(rt, v)) {
    Value key = attribute == nullptr || attribute->is(Kind::null) ? item : attribute_path(rt, item, *attribute);
    out.emplace_back(fold ? lowered(key) : std::move(key), std::move(item));
  }
  return out;
}

Value length_filter(Runtime& rt, const Value& v, const CallArgs& /*args*/) { return Value(length(rt, v)); }

Value list_filter(Runtime& rt, const Value& v, const CallArgs& /*args*/) { return list_of(iterate(rt, v)); }

Value first(Runtime& rt, const Value& v, const CallArgs& /*args*/) {
  const auto items = iterate(rt, v);
  return items.empty() ? Value(Value::Undefined{}) : items.front();
}

Value last(Runtime& rt, const Value& v, const CallArgs& /*args*/) {
  const auto items = iterate(rt, v);
  return items.empty() ? Value(Value::Undefined{}) : items.back();
}

Value reverse(Runtime& rt, const Value& v, const CallArgs& /*args*/) {
  if (v.is(Kind::string)) return slice(rt, v, Value(), Value(), Value(-1));
  auto items = iterate(rt, v);
  std::ranges::reverse(items);
  return list_of(std::move(items));
}

Value join(Runtime& rt, const Value& v, const CallArgs& args) {
  const Value* separator = args.get(0, "d");
  const Value* attribute = args.get(1, "attribute");
  const std::string between = separator == nullptr ? "" : to_str(*separator);
  std::string out;
  bool start = true;
  for (const Value& item : iterate(rt, v)) {
    const Value part = attribute == nullptr || attribute->is(Kind::null) ? item : attribute_path(rt, item, *attribute);
    if (!rt.charge_bytes(part.weight() + between.size())) return Value::Undefined{};
    if (!start) out += between;
    out += to_str(part);
    start = false;
  }
  return Value(std::move(out));
}

Value items_filter(Runtime& rt, const Value& v, const CallArgs& args) {
  if (v.is_undefined()) return list_of({});
  if (!v.is(Kind::map)) return rt.fail("items needs a mapping, not " + std::string(type_name(v)));
  return call_method(rt, v, "items", args);
}

// map, select and their kin take anything false, none included, for an empty sequence.
Value map_filter(Runtime& rt, const Value& v, const CallArgs& args) {
  if (!v.truthy()) return list_of({});
  std::vector<Value> out;
  const Value* attribute = args.get(SIZE_MAX, "attribute");
  const Value* otherwise = args.get(SIZE_MAX, "default");
  if (attribute == nullptr && args.positional.empty()) return rt.fail("map needs a filter or attribute=");
  const std::string name = attribute == nullptr ? string_arg(rt, args.get(0, ""), "") : "";
  const CallArgs rest = args.without_first(1);
  for (const Value& item : iterate(rt, v)) {
    if (!rt.charge(2)) break;
    Value mapped = attribute == nullptr ? apply_filter(rt, name, item, rest) : attribute_path(rt, item, *attribute);
    out.push_back(mapped.is_undefined() && otherwise != nullptr ? *otherwise : std::move(mapped));
  }
  return list_of(std::move(out));
}

template <bool keep>
Value select(Runtime& rt, const Value& v, const CallArgs& args) {
  if (!v.truthy()) return list_of({});
  std::vector<Value> out;
  const std::string test = args.positional.empty() ? "" : string_arg(rt, args.get(0, ""), "");
  const CallArgs rest = args.without_first(1);
  for (Value& item : iterate(rt, v)) {
    if (!rt.charge(2)) break;
    if ((test.empty() ? item.truthy() : apply_test(rt, test, item, rest)) == keep) out.push_back(std::move(item));
  }
  return list_of(std::move(out));
}

template <bool keep>
Value select_attribute(Runtime& rt, const Value& v, const CallArgs& args) {
  if (!v.truthy()) return list_of({});
  if (args.positional.empty()) return rt.fail("the attribute's name is missing");
  std::vector<Value> out;
  const std::string test = args.positional.size() < 2 ? "" : string_arg(rt, args.get(1, ""), "");
  const CallArgs rest = args.without_first(2);
  for (Value& item : iterate(rt, v)) {
    if (!rt.charge(2)) break;
    const Value value = attribute_path(rt, item, args.positional[0]);
    if (!rt.ok()) break;
    if ((test.empty() ? value.truthy() : apply_test(rt, test, value, rest)) == keep) out.push_back(std::move(item));
  }
  return list_of(std::move(out));
}

using Keyed = std::pair<Value, Value>;

// A merge sort of our own: comparisons may fail half-way or have no consistent order (NaN), which must stay harmless.
void sort_by_key(Runtime& rt, std::vector<Keyed>& items, bool descending) {
  const auto before = [&](const Keyed& a, const Keyed& b) {
    if (!rt.charge(1)) return false;
    return descending ? order(rt, b.first, a.first) < 0 : order(rt, a.first, b.first) < 0;
  };
  std::vector<Keyed> merged(items.size());
  for (std::size_t run = 1; run < items.size() && rt.ok(); run *= 2) {
    for (std::size_t begin = 0; begin < items.size(); begin += 2 * run) {
      const std::size_t middle = std::min(begin + run, items.size());
      const std::size_t end = std::min(begin + 2 * run, items.size());
      std::size_t left = begin;
      std::size_t right = middle;
      for (std::size_t out = begin; out < end; ++out) {
        const bool take_right = left == middle || (right < end && before(items[right], items[left]));
        merged[out] = std::move(items[take_right ? right++ : left++]);
      }
    }
    items.swap(merged);
  }
}

Value sort(Runtime& rt, const Value& v, const CallArgs& args) {
  auto items = keyed_items(rt, v, args.get(2, "attribute"), args.get(1, "case_sensitive"));
  const Value* descending = args.get(0, "reverse");
  sort_by_key(rt, items, descending != nullptr && descending->truthy());
  std::vector<Value> out;
  for (auto& [key, item] : items) out.push_back(std::move(item));
  return list_of(std::move(out));
}

Value dictsort(Runtime& rt, const Value& v, const CallArgs& args) {
  if (!v.is(Kind::map)) return rt.fail("dictsort needs a mapping, not " + std::string(type_name(v)));
  const Value* case_sensitive = args.get(0, "case_sensitive");
  const std::string by = string_arg(rt, args.get(1, "by"), "key");
  const Value* descending = args.get(2, "reverse");
  const Value pairs = call_method(rt, v, "items", {});
  if (!rt.ok()) return Value::Undefined{};
  const Value index(by == "value" ? 1 : 0);
  auto items = keyed_items(rt, pairs, &index, case_sensitive);
  sort_by_key(rt, items, descending != nullptr && descending->truthy());
  std::vector<Value> out;
  for (auto& [key, item] : items) out.push_back(std::move(item));
  return list_of(std::move(out));
}

Value unique(Runtime& rt, const Value& v, const CallArgs& args) {
  std::vector<Value> out;
  std::set<std::string> seen;
  for (auto& [key, item] : keyed_items(rt, v, args.get(1, "attribute"), args.get(0, "case_sensitive"))) {
    if (!rt.charge_bytes(key.weight())) break;
    // 1, 1.0 and true are the same key in Python.
    const Value plain = key.is_numeric() ? binary(rt, "+", key, Value(0.0)) : key;
    if (seen.insert(to_repr(plain)).second) out.push_back(std::move(item));
  }
  return list_of(std::move(out));
}

template <bool largest>
Value extreme(Runtime& rt, const Value& v, const CallArgs& args) {
  auto items = keyed_items(rt, v, args.get(1, "attribute"), args.get(0, "case_sensitive"));
  if (items.empty()) return Value::Undefined{};
  std::size_t best = 0;
  for (std::size_t i = 1; i < items.size() && rt.charge(1); ++i) {
    const int sign = order(rt, items[i].first, items[best].first);
    if (largest ? sign > 0 : sign < 0) best = i;
  }
  return items[best].second;
}

Value sum(Runtime& rt, const Value& v, const CallArgs& args) {
  const Value* attribute = args.get(0, "attribute");
  const Value* start = args.get(1, "start");
  Value total = start == nullptr ? Value(0) : *start;
  for (const Value& item : iterate(rt, v)) {
    const Value part = attribute == nullptr || attribute->is(Kind::null) ? item : attribute_path(rt, item, *attribute);
    if (!rt.charge(1)) break;
    total = binary(rt, "+", total, part);
  }
  return total;
}

Value batch(Runtime& rt, const Value& v, const CallArgs& args) {
  const std::int64_t size = integer_arg(rt, args.get(0, "linecount"), 0);
  if (size <= 0) return rt.fail("batch needs a positive size");
  const Value* fill = args.get(1, "fill_with");
  std::vector<Value> out;
  std::vector<Value> row;
  for (Value& item : iterate(rt, v)) {
    if (static_cast<std::int64_t>(row.size()) == size) out.push_back(list_of(std::exchange(row, {})));
    row.push_back(std::move(item));
  }
  if (row.empty()) return list_of(std::move(out));
  if (fill != nullptr && !fill->is(Kind::null)) {
    if (!rt.charge_bytes(static_cast<std::uint64_t>(size) * sizeof(Value))) return Value::Undefined{};
    row.resize(static_cast<std::size_t>(size), *fill);
  }
  out.push_back(list_of(std::move(row)));
  return list_of(std::move(out));
}

// Groups as (grouper, list) tuples.
Value groupby(Runtime& rt, const Value& v, const CallArgs& args) {
  const Value* attribute = args.get(0, "attribute");
  const Value* otherwise = args.get(1, "default");
  if (attribute == nullptr) return rt.fail("groupby needs an attribute");
  auto items = keyed_items(rt, v, attribute, args.get(2, "case_sensitive"));
  for (auto& [key, item] : items) {
    if (key.is_undefined() && otherwise != nullptr) key = *otherwise;
  }
  sort_by_key(rt, items, false);
  std::vector<Value> groups;
  for (std::size_t i = 0; i < items.size() && rt.ok();) {
    std::vector<Value> members;
    const std::size_t begin = i;
    for (; i < items.size() && compare(rt, "==", items[begin].first, items[i].first); ++i) members.push_back(items[i].second);
    Value grouper = attribute_path(rt, items[begin].second, *attribute);
    if (grouper.is_undefined()) grouper = items[begin].first;
    groups.push_back(Value::tuple({std::move(grouper), list_of(std::move(members))}));
  }
  return list_of(std::move(groups));
}

Value attr(Runtime& rt, const Value& v, const CallArgs& args) {
  const std::string name = string_arg(rt, args.get(0, "name"), "");
  if (v.is_undefined() || has_method(v, name)) return get_attribute(rt, v, name);
  return Value::Undefined{};
}

constexpr std::array kFilters{
    FilterEntry{"length", length_filter},
    FilterEntry{"count", length_filter},
    FilterEntry{"list", list_filter},
    FilterEntry{"first", first},
    FilterEntry{"last", last},
    FilterEntry{"reverse", reverse},
    FilterEntry{"join", join},
    FilterEntry{"items", items_filter},
    FilterEntry{"map", map_filter},
    FilterEntry{"select", select<true>},
    FilterEntry{"reject", select<false>},
    FilterEntry{"selectattr", select_attribute<true>},
    FilterEntry{"rejectattr", select_attribute<false>},
    FilterEntry{"sort", sort},
    FilterEntry{"dictsort", dictsort},
    FilterEntry{"unique", unique},
    FilterEntry{"min", extreme<false>},
    FilterEntry{"max", extreme<true>},
    FilterEntry{"sum", sum},
    FilterEntry{"batch", batch},
    FilterEntry{"groupby", groupby},
    FilterEntry{"attr", attr},
};

}  // namespace

std::span<const FilterEntry> sequence_filters() { return kFilters; }

}  // namespace baton::text
