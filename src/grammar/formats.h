#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "grammar/expr.h"

namespace baton::grammar {

/// The inside of a JSON string of a "format" of JSON Schema; absent: not known.
std::optional<Expr> format_expr(std::string_view format);
std::string known_formats();

}  // namespace baton::grammar
