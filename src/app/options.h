#pragma once

#include <expected>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace baton::app {

inline constexpr int kExitUsage = 64;   ///< EX_USAGE
inline constexpr int kExitConfig = 78;  ///< EX_CONFIG: trying again is pointless until the configuration changes

/// Which options a program takes: "--name VALUE" (or "--name=VALUE") and "--flag".
struct OptionSpec {
  std::set<std::string, std::less<>> values;
  std::set<std::string, std::less<>> flags;
};

/// What was given, by name without dashes; a flag maps to "".
using Options = std::map<std::string, std::string, std::less<>>;

/// The error names the offending argument.
inline std::expected<Options, std::string> parse_options(int argc, char** argv, const OptionSpec& spec) {
  Options given;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument(argv[i]);
    if (!argument.starts_with("--")) return std::unexpected("unexpected argument " + std::string(argument));
    const auto equals = argument.find('=');
    const std::string name(argument.substr(2, equals == std::string_view::npos ? equals : equals - 2));
    if (spec.flags.contains(name) && equals == std::string_view::npos) {
      given[name] = "";
    } else if (!spec.values.contains(name)) {
      return std::unexpected("unknown option " + std::string(argument));
    } else if (equals != std::string_view::npos) {
      given[name] = argument.substr(equals + 1);
    } else if (i + 1 < argc) {
      given[name] = argv[++i];
    } else {
      return std::unexpected("option --" + name + " needs a value");
    }
  }
  return given;
}

}  // namespace baton::app
