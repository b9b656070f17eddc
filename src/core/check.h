#pragma once

#include <source_location>
#include <string_view>

namespace baton::detail {
[[noreturn]] void check_failed(std::string_view condition, std::source_location where);
}

/// A broken invariant is a defect: print where and abort. Never for outside input.
#define BATON_CHECK(condition)                                                              \
  do {                                                                                      \
    if (!(condition)) [[unlikely]]                                                          \
      ::baton::detail::check_failed(#condition, std::source_location::current());           \
  } while (false)
