#pragma once

#include <string>
#include <vector>

#include "config/reader.h"

namespace baton::config {

/// Rules of `classes`: names, ranges, classes that earlier ones leave nothing to, fallbacks, GPU types, promises that
/// contradict each other. Returns notes: things that are allowed but deserve a warning.
std::vector<std::string> check_classes(const ReadConfig& read, Problems& problems);

}  // namespace baton::config
