#include "text/value.h"

#include <algorithm>
#include <unordered_map>

namespace baton::text {
namespace {

constexpr std::size_t kIndexedFrom = 12;  // maps with fewer members are searched

constexpr std::uint64_t kScalarWeight = 8;

std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

double as_double(const Value& v) {
  if (v.is(Value::Kind::boolean)) return v.boolean() ? 1 : 0;
  return v.is(Value::Kind::integer) ? static_cast<double>(v.integer()) : v.number();
}

std::int64_t as_integer(const Value& v) {
  return v.is(Value::Kind::boolean) ? static_cast<std::int64_t>(v.boolean()) : v.integer();
}

bool equal_numbers(const Value& a, const Value& b) {
  if (a.is(Value::Kind::number) || b.is(Value::Kind::number)) return as_double(a) == as_double(b);
  return as_integer(a) == as_integer(b);
}

}  // namespace

struct Value::ArrayData {
  std::vector<Value> items;
  int depth = 1;
  std::uint64_t weight = kScalarWeight;
  bool tuple = false;
};

struct Value::MapData {
  std::vector<Member> members;
  std::unordered_map<std::string_view, std::size_t> index;  // empty for small maps
  int depth = 1;
  std::uint64_t weight = kScalarWeight;
};

Value Value::make_array(std::vector<Value> items, bool tuple) {
  auto data = std::make_shared<ArrayData>();
  for (const Value& item : items) {
    data->depth = std::max(data->depth, item.depth() + 1);
    data->weight = saturating_add(data->weight, item.weight());
  }
  data->items = std::move(items);
  data->tuple = tuple;
  Value out;
  out.data_ = std::shared_ptr<const ArrayData>(std::move(data));
  return out;
}

Value Value::array(std::vector<Value> items) { return make_array(std::move(items), false); }
Value Value::tuple(std::vector<Value> items) { return make_array(std::move(items), true); }

Value Value::map(std::vector<Member> members) {
  auto data = std::make_shared<MapData>();
  std::unordered_map<std::string, std::size_t> seen;
  for (Member& member : members) {
    data->depth = std::max(data->depth, member.second.depth() + 1);
    const auto [it, fresh] = seen.try_emplace(member.first, data->members.size());
    if (fresh) {
      data->members.push_back(std::move(member));
    } else {
      data->members[it->second].second = std::move(member.second);
    }
  }
  for (const Member& member : data->members) {
    data->weight = saturating_add(data->weight, saturating_add(member.first.size(), member.second.weight()));
  }
  if (data->members.size() >= kIndexedFrom) {
    for (std::size_t i = 0; i < data->members.size(); ++i) data->index.emplace(data->members[i].first, i);
  }
  Value out;
  out.data_ = std::shared_ptr<const MapData>(std::move(data));
  return out;
}

const std::vector<Value>& Value::items() const { return std::get<std::shared_ptr<const ArrayData>>(data_)->items; }
const std::vector<Value::Member>& Value::members() const {
  return std::get<std::shared_ptr<const MapData>>(data_)->members;
}

bool Value::is_tuple() const {
  return is(Kind::array) && std::get<std::shared_ptr<const ArrayData>>(data_)->tuple;
}

const Value* Value::find(std::string_view key) const {
  if (!is(Kind::map)) return nullptr;
  const MapData& data = *std::get<std::shared_ptr<const MapData>>(data_);
  if (!data.index.empty()) {
    const auto it = data.index.find(key);
    return it == data.index.end() ? nullptr : &data.members[it->second].second;
  }
  const auto it = std::ranges::find(data.members, key, &Member::first);
  return it == data.members.end() ? nullptr : &it->second;
}

int Value::depth() const {
  if (is(Kind::array)) return std::get<std::shared_ptr<const ArrayData>>(data_)->depth;
  if (is(Kind::map)) return std::get<std::shared_ptr<const MapData>>(data_)->depth;
  return 0;
}

std::uint64_t Value::weight() const {
  if (is(Kind::array)) return std::get<std::shared_ptr<const ArrayData>>(data_)->weight;
  if (is(Kind::map)) return std::get<std::shared_ptr<const MapData>>(data_)->weight;
  return kScalarWeight + (is(Kind::string) ? string().size() : 0);
}

bool Value::truthy() const {
  switch (kind()) {
    case Kind::undefined:
    case Kind::null: return false;
    case Kind::boolean: return boolean();
    case Kind::integer: return integer() != 0;
    case Kind::number: return number() != 0;
    case Kind::string: return !string().empty();
    case Kind::array: return !items().empty();
    case Kind::map: return !members().empty();
    case Kind::handle: return true;
  }
  return false;
}

bool operator==(const Value& a, const Value& b) {
  if (a.is_numeric() && b.is_numeric()) return equal_numbers(a, b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Value::Kind::string: return a.string() == b.string();
    case Value::Kind::array: return a.is_tuple() == b.is_tuple() && a.items() == b.items();
    case Value::Kind::map:
      return a.members().size() == b.members().size() && std::ranges::all_of(a.members(), [&](const auto& member) {
               const Value* other = b.find(member.first);
               return other != nullptr && member.second == *other;
             });
    case Value::Kind::handle: return a.handle() == b.handle();
    default: return true;  // null, undefined
  }
}

}  // namespace baton::text
