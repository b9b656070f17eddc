#pragma once

#include <string_view>

#include "baton/error.h"
#include "text/template_ast.h"

namespace baton::text {

/// Deepest nesting of expressions and of blocks a template may have.
inline constexpr int kMaxTemplateNesting = 150;

/// Parses a Jinja template. Errors: Errc::invalid_request with the line.
Result<ast::Block> parse_template(std::string_view source);

}  // namespace baton::text
