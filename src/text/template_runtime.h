#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/value.h"

namespace baton::text {

/// Arguments of a call, a filter or a test.
struct CallArgs {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  /// The argument at `index` or with this name; nullptr if it was not given.
  const Value* get(std::size_t index, std::string_view name) const;
  std::size_t count() const { return positional.size() + named.size(); }
  CallArgs without_first(std::size_t n) const;
};

/// What one rendering may still spend, and its first error. Every operation charges for its work and checks ok().
class Runtime {
 public:
  explicit Runtime(std::chrono::sys_seconds now_time) : now(now_time) {}

  bool ok() const { return !error_; }
  const std::optional<Error>& error() const { return error_; }

  /// Records an error at the current line, unless there is one already. Returns undefined, for `return rt.fail(...)`.
  Value fail(std::string message);
  /// Records an error whose message is for the caller as it is (raise_exception).
  Value raise(std::string message);

  /// Takes `units` of work; false, with an error, if the budget is used up.
  bool charge(std::uint64_t units);
  /// Takes memory (and work in proportion) for a value about to be built.
  bool charge_bytes(std::uint64_t bytes);

  const std::chrono::sys_seconds now;
  int line = 0;

 private:
  std::uint64_t steps_left_ = 5'000'000;
  std::uint64_t bytes_left_ = 512ULL << 20;
  std::optional<Error> error_;
};

/// Python's name for a value's type, for messages.
std::string_view type_name(const Value& value);

/// 'text', for messages.
std::string quoted(std::string_view text);

// Operators (template_operators.cc). Errors go to the runtime; the result is then undefined.
Value binary(Runtime& rt, std::string_view op, const Value& a, const Value& b);
Value negative(Runtime& rt, const Value& a);
bool compare(Runtime& rt, std::string_view op, const Value& a, const Value& b);
/// <0, 0, >0; values must be ordered in Python.
int order(Runtime& rt, const Value& a, const Value& b);
bool contains(Runtime& rt, const Value& container, const Value& item);
Value slice(Runtime& rt, const Value& base, const Value& from, const Value& to, const Value& step);
/// base[key] as Jinja does it: undefined if there is no such item.
Value get_item(Runtime& rt, const Value& base, const Value& key);
/// base.name of values that are not handles: methods first, then items.
Value get_attribute(Runtime& rt, const Value& base, std::string_view name);
/// What a for loop would see.
std::vector<Value> iterate(Runtime& rt, const Value& value);
/// Python's len().
std::int64_t length(Runtime& rt, const Value& value);

/// Calls a method of a string, array or map (template_methods.cc).
Value call_method(Runtime& rt, const Value& object, std::string_view name, const CallArgs& args);
bool has_method(const Value& object, std::string_view name);

Value apply_filter(Runtime& rt, std::string_view name, const Value& input, const CallArgs& args);
bool apply_test(Runtime& rt, std::string_view name, const Value& input, const CallArgs& args);

// Global functions (template_functions.cc).
Value make_range(Runtime& rt, const CallArgs& args);
Value make_dict(Runtime& rt, const CallArgs& args);
Value format_time(Runtime& rt, const CallArgs& args);  ///< strftime_now

// Arguments of a required type; errors go to the runtime.
std::string string_arg(Runtime& rt, const Value* arg, std::string_view fallback);
std::int64_t integer_arg(Runtime& rt, const Value* arg, std::int64_t fallback);

/// Printf-style formatting of `%` and the format filter.
Value percent_format(Runtime& rt, const std::string& format, const std::vector<Value>& values);

}  // namespace baton::text
