#pragma once

#include <string>

namespace baton::config {

/// docs/configuration.md, generated from the key tables.
std::string reference_markdown();

}  // namespace baton::config
