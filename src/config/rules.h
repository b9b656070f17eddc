#pragma once

#include <string>
#include <vector>

#include "config/reader.h"

namespace baton::config {

/// Rules that concern more than one key: roles against lists, number formats against GPUs, port ranges, duplicates,
/// empty pools. Returns notes: things that are allowed but deserve a warning.
std::vector<std::string> check_rules(const ReadConfig& read, const YamlNode& root, Problems& problems);

}  // namespace baton::config
