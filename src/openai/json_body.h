#pragma once

#include <string_view>

#include "baton/error.h"
#include "openai/json_fwd.h"

namespace baton::openai {

/// Parses a request body, which must be a JSON object. Long strings (prompts) are decoded apart from the document at
/// memory speed; the outcome is that of the parser alone. Errors: invalid_request.
Result<Json> parse_body(std::string_view body);

}  // namespace baton::openai
