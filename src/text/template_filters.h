#pragma once

#include <span>
#include <string_view>

#include "text/template_runtime.h"

namespace baton::text {

using Filter = Value (*)(Runtime&, const Value&, const CallArgs&);
struct FilterEntry {
  std::string_view name;
  Filter filter;
};

/// Filters of one value (template_filters.cc) and of sequences (template_sequence_filters.cc).
std::span<const FilterEntry> value_filters();
std::span<const FilterEntry> sequence_filters();

}  // namespace baton::text
