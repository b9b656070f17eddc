#pragma once

#include <string>
#include <string_view>

#include "baton/error.h"

namespace baton::text {

/// Rewrites a regular expression as Oniguruma reads it (the engine of Hugging Face tokenizers) into one that PCRE2
/// (UTF, UCP, MULTILINE) reads the same way: \s \w \b \h, scripts, POSIX classes, characters newer than PCRE2's tables.
/// Errors: Errc::corrupt_file naming a construct that the two read differently and that has no translation.
Result<std::string> translate_regex(std::string_view pattern);

}  // namespace baton::text
