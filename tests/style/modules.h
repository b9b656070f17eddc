#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "style/source.h"

namespace baton::style {

/// The module DAG as BatonModules.cmake declares it.
struct ModuleGraph {
  std::map<std::string, std::set<std::string>, std::less<>>
      may_include;                                                     ///< module → itself and its DEPS, transitively
  std::map<std::string, std::set<std::string>, std::less<>> libs;      ///< module → its LIBS
  std::map<std::string, std::set<std::string>, std::less<>> programs;  ///< "baton_worker" → modules it may include
};

ModuleGraph parse_modules(std::string_view cmake);

/// Module of a path ("src/kv/x.h" → "kv", "kernels/…" → "kernels", "include/…" → "api"); empty for anything else.
std::string module_of(std::string_view path);

/// Includes of one file under src, kernels or include: against DEPS, the libraries of the module, and the rule that
/// public headers keep heavy third-party types to their own module.
Violations check_includes(const Source& source, const ModuleGraph& graph);

/// Headers that include one another in a circle.
Violations check_cycles(const std::vector<Source>& sources);

}  // namespace baton::style
