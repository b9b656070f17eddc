#pragma once

#include <expected>
#include <string>

#include "config/problem.h"

namespace baton::config {

/// Text of a file, at most one byte more than kMaxYamlBytes of it, so that the parser can tell a large file from a
/// full one.
std::expected<std::string, ConfigProblem> read_file(const std::string& path);

}  // namespace baton::config
