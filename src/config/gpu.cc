#include "config/gpu.h"

#include <vector>

#include "config/problem.h"
#include "config/suggest.h"

namespace baton::config {

std::string gpu_type_names(const perf::Catalogue& catalogue, bool (*wanted)(const perf::GpuSpec&)) {
  std::string out;
  for (const perf::GpuSpec& gpu : catalogue.gpus) {
    if (wanted(gpu)) out += (out.empty() ? "" : ", ") + gpu.name;
  }
  return out;
}

std::string unknown_gpu_type(const perf::Catalogue& catalogue, std::string_view name) {
  std::vector<std::string_view> names;
  for (const perf::GpuSpec& gpu : catalogue.gpus) names.push_back(gpu.name);
  const auto meant = nearest(name, names);
  return "unknown GPU type " + quoted(name) +
         (meant ? "; did you mean " + std::string(*meant) + "? Known types: " : "; known types: ") + catalogue.names() +
         " (the file that prices: names can add types)";
}

}  // namespace baton::config
