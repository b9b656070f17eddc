#pragma once

#include <string>

#include "text/value.h"

namespace baton::text {

/// Python's str(): what `{{ value }}` prints. Undefined prints nothing.
std::string to_str(const Value& value);

/// Python's repr().
std::string to_repr(const Value& value);

struct JsonFormat {
  std::string indent;  ///< one level; used if `pretty`
  bool pretty = false;
  bool sort_keys = false;
  bool ensure_ascii = false;
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};

/// Python's json.dumps(). Nothing for what JSON cannot express (undefined, handles).
std::optional<std::string> to_json(const Value& value, const JsonFormat& format = {});

}  // namespace baton::text
