#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "baton/error.h"

namespace baton::text {

struct TemplateToken {
  enum class Kind : std::uint8_t { data, name, string, integer, number, op, block_begin, block_end, output_begin, output_end, end };
  Kind kind = Kind::end;
  int line = 1;
  std::string text;
};

/// Splits a Jinja template into tokens; white space between tags is already trimmed as trim_blocks, lstrip_blocks and
/// the `-`/`+` markers ask, comments are gone. The last token is `end`. Errors carry the line.
Result<std::vector<TemplateToken>> lex_template(std::string_view source);

}  // namespace baton::text
