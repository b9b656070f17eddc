#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "config/keys.h"
#include "config/yaml_tree.h"

namespace baton::config {

/// Reads one value as T, checked against the bounds and choices of its key. The error is a message for the user: what
/// is wrong with the value, then the remedy. T: std::string, int32, int64 (a size), uint16, double, bool,
/// milliseconds, a list of strings, or one of the enums of Target.
template <class T>
std::expected<T, std::string> read_value(const YamlNode& node, const KeyInfo& info);

/// A node as messages show it: its text quoted, or "a list", "a map", "nothing"; secrets are not shown.
std::string shown(const YamlNode& node, const KeyInfo& info);

}  // namespace baton::config
