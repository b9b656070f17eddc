#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "baton/error.h"
#include "openai/json_fwd.h"

namespace baton::openai {

struct NumberRange {
  double low;
  double high;
  bool low_excluded = false;
};

struct IntegerRange {
  std::int64_t low;
  std::int64_t high;
};

/// Reads typed fields of one JSON object. null and absent are the same. The first error sticks and later reads return
/// nothing, so a caller reads everything and looks at error() once.
class FieldReader {
 public:
  /// `object` must be a JSON object and outlive the reader. `path` prefixes field names in errors ("stream_options.").
  explicit FieldReader(Json& object, std::string path = {});

  /// The field, or nullptr if absent or null.
  Json* find(std::string_view name);
  std::optional<double> number(std::string_view name, NumberRange range);
  /// Whole numbers written as 4.0 pass.
  std::optional<std::int64_t> integer(std::string_view name, IntegerRange range);
  std::optional<bool> boolean(std::string_view name);
  /// Moves the string out of the document.
  std::optional<std::string> string(std::string_view name);

  /// The field's name with the path before it.
  std::string full_name(std::string_view name) const { return path_ + std::string(name); }
  void fail(Errc code, std::string message, std::string_view name);
  void fail_type(std::string_view name, std::string_view expected, const Json& got);
  const std::optional<Error>& error() const { return error_; }

 private:
  Json& object_;
  std::string path_;
  std::optional<Error> error_;
};

/// The string member `name` of an object; empty if there is none.
std::string_view text_member(const Json& object, std::string_view name);
/// "a string", "an array", …: how errors name a JSON value's type.
std::string_view type_name(const Json& value);
/// The value as an integer if it is a whole number that fits, written either as 4 or as 4.0.
std::optional<std::int64_t> as_integer(const Json& value);

}  // namespace baton::openai
