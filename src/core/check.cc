#include "core/check.h"

#include <cstdio>
#include <cstdlib>

namespace baton::detail {

void check_failed(std::string_view condition, std::source_location where) {
  std::fprintf(stderr, "baton: invariant broken: %.*s at %s:%u (%s)\n", static_cast<int>(condition.size()),
               condition.data(), where.file_name(), where.line(), where.function_name());
  std::abort();
}

}  // namespace baton::detail
