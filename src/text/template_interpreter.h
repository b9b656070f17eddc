#pragma once

#include <chrono>
#include <string>

#include "baton/error.h"
#include "text/template_ast.h"

namespace baton::text {

/// Renders a parsed template; see ChatTemplate::render.
Result<std::string> interpret(const ast::Block& block, const Value& variables, std::chrono::sys_seconds now);

}  // namespace baton::text
