#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "baton/config.h"
#include "config/problem.h"

namespace baton::config {

/// Reads and validates a whole configuration file. Nothing half-read is ever returned: either every key is good and
/// every default filled in, or all problems are listed, in file order. Config::notes holds what the caller should log
/// as warnings. Reads files only, never the environment or the network; thread-safe.
std::expected<Config, std::vector<ConfigProblem>> load_config(const std::string& path);

/// The same for text already in memory. `source_name` is the path shown in problems; a relative model_path is
/// resolved against its directory.
std::expected<Config, std::vector<ConfigProblem>> parse_config(std::string_view text, const std::string& source_name);

/// All problems, one line each, as load_config ordered them.
std::string format_problems(const std::vector<ConfigProblem>& problems);

}  // namespace baton::config
