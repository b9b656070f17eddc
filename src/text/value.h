#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "baton/error.h"

namespace baton::text {

/// A value in a template: what JSON can hold, with the order of members kept, plus what only exists while rendering
/// (undefined, handles). Immutable once built, so that copies share their contents and are cheap.
class Value {
 public:
  enum class Kind : std::uint8_t { undefined, null, boolean, integer, number, string, array, map, handle };
  using Member = std::pair<std::string, Value>;

  struct Undefined {
    friend bool operator==(Undefined, Undefined) = default;
  };
  /// A macro, function, namespace, ... owned by the interpreter; meaningless outside one rendering.
  struct Handle {
    enum class Type : std::uint8_t { macro, function, name_space, loop, method };
    Type type = Type::function;
    std::uint32_t index = 0;
    friend bool operator==(Handle, Handle) = default;
  };

  Value() : data_(nullptr) {}  ///< null
  Value(std::nullptr_t) : Value() {}
  template <std::same_as<bool> T>
  Value(T flag) : data_(flag) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Value(T number) : data_(static_cast<std::int64_t>(number)) {}
  Value(double number) : data_(number) {}
  Value(std::string text) : data_(std::make_shared<const std::string>(std::move(text))) {}
  Value(std::string_view text) : Value(std::string(text)) {}
  Value(const char* text) : Value(std::string(text)) {}
  Value(Undefined undefined) : data_(undefined) {}
  Value(Handle handle) : data_(handle) {}

  static Value array(std::vector<Value> items);
  static Value tuple(std::vector<Value> items);  ///< an array that prints as a Python tuple
  /// Of members with the same key the last value wins, at the place of the first.
  static Value map(std::vector<Member> members);

  /// Parses JSON. Errors: Errc::invalid_request for bad JSON, nesting beyond kMaxDepth or integers beyond 64 bits.
  static Result<Value> from_json_text(std::string_view json);

  Kind kind() const { return static_cast<Kind>(kKindOf[data_.index()]); }
  bool is(Kind kind_wanted) const { return kind() == kind_wanted; }
  bool is_undefined() const { return is(Kind::undefined); }
  bool is_numeric() const { return is(Kind::boolean) || is(Kind::integer) || is(Kind::number); }

  // Each requires the matching kind.
  bool boolean() const { return std::get<bool>(data_); }
  std::int64_t integer() const { return std::get<std::int64_t>(data_); }
  double number() const { return std::get<double>(data_); }
  const std::string& string() const { return *std::get<std::shared_ptr<const std::string>>(data_); }
  const std::vector<Value>& items() const;
  const std::vector<Member>& members() const;
  Handle handle() const { return std::get<Handle>(data_); }
  bool is_tuple() const;

  /// The member of a map; nullptr if this is no map or has no such key.
  const Value* find(std::string_view key) const;

  /// How deep arrays and maps nest in this value; 0 for a scalar.
  int depth() const;

  /// Roughly the bytes it takes to write this value out, everything inside included; shared parts count each time.
  std::uint64_t weight() const;

  /// Python's bool().
  bool truthy() const;
  /// Python's ==.
  friend bool operator==(const Value& a, const Value& b);

  /// Deepest nesting that from_json_text and templates may build.
  static constexpr int kMaxDepth = 128;

 private:
  struct ArrayData;
  struct MapData;
  static constexpr Kind kKindOf[] = {Kind::null,   Kind::boolean, Kind::integer,   Kind::number, Kind::string,
                                     Kind::array,  Kind::map,     Kind::undefined, Kind::handle};
  static Value make_array(std::vector<Value> items, bool tuple);

  std::variant<std::nullptr_t, bool, std::int64_t, double, std::shared_ptr<const std::string>,
               std::shared_ptr<const ArrayData>, std::shared_ptr<const MapData>, Undefined, Handle>
      data_;
};

}  // namespace baton::text
