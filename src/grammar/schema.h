#pragma once

#include <string>

#include "grammar/json_expr.h"

namespace baton::grammar {

/// JSON Schema (docs/api.md, "Structured output") as rules; rule 0 is the whole document.
/// Errors: invalid_request with the JSON pointer of what is wrong or not supported.
Result<RuleSet> rules_of_schema(const std::string& schema, Budget& budget);

}  // namespace baton::grammar
