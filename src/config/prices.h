#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "baton/config.h"
#include "config/problem.h"
#include "perf/catalogue.h"

namespace baton::config {

/// Reads a file of GPU types and prices, JSON or YAML (`prices:` names it; config/gpu_catalogue.json is the built-in
/// data in this form). Types it names are changed in the keys it gives, or added; the others stay as built in. All
/// problems are listed, with the file's lines.
std::expected<perf::Catalogue, std::vector<ConfigProblem>> load_catalogue(const std::string& path);

/// The same for text already in memory; `source_name` is the path shown in problems.
std::expected<perf::Catalogue, std::vector<ConfigProblem>> parse_catalogue(std::string_view text,
                                                                           std::string_view source_name);

/// What a configuration counts with: its price list, else the built-in one. Lives as long as `config`.
const perf::Catalogue& catalogue_of(const Config& config);

/// Markdown table of the file's keys, for docs/configuration.md.
std::string catalogue_markdown();

}  // namespace baton::config
