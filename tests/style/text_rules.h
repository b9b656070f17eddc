#pragma once

#include "style/source.h"

namespace baton::style {

inline constexpr int kMaxFileLines = 600;
inline constexpr int kMaxFunctionLines = 70;
inline constexpr int kMaxTestLines = 100;  ///< functions under tests/, whose tables of cases are data

/// Size of the file and of each function body in it (from its opening to its closing brace, found by braces alone, so
/// code inside macros is not seen).
Violations check_sizes(const Source& source);

/// Headers begin with #pragma once; no notes to self are left over.
Violations check_leftovers(const Source& source);

}  // namespace baton::style
