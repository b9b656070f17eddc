#include "config/gpu.h"

#include <algorithm>
#include <array>
#include <vector>

#include "config/problem.h"
#include "config/suggest.h"

namespace baton::config {
namespace {

// bf16: Ampere and later, and CPUs (computed in float). fp8: Ada, Hopper, Blackwell.
constexpr std::array kGpuTypes{
    GpuType{"H100_SXM5", true, true},     GpuType{"H100_PCIe", true, true},      GpuType{"H200", true, true},
    GpuType{"B200", true, true},          GpuType{"L40S", true, true},           GpuType{"A100_80G", true, false},
    GpuType{"A100_80G_SXM", true, false}, GpuType{"A100_80G_PCIe", true, false}, GpuType{"A100_40G", true, false},
    GpuType{"A100_40G_SXM", true, false}, GpuType{"A100_40G_PCIe", true, false}, GpuType{"L4", true, true},
    GpuType{"A6000", true, false},        GpuType{"A10G", true, false},          GpuType{"RTX_5090", true, true},
    GpuType{"RTX_4090", true, true},      GpuType{"T4", false, false},           GpuType{"V100", false, false},
    GpuType{"CPU", true, false},
};

}  // namespace

std::span<const GpuType> gpu_types() {
  return kGpuTypes;
}

const GpuType* find_gpu_type(std::string_view name) {
  const auto found = std::ranges::find(kGpuTypes, name, &GpuType::name);
  return found == kGpuTypes.end() ? nullptr : &*found;
}

std::string unknown_gpu_type(std::string_view name) {
  std::vector<std::string_view> names;
  for (const GpuType& type : gpu_types()) names.push_back(type.name);
  const auto meant = nearest(name, names);
  return "unknown GPU type " + quoted(name) +
         (meant ? "; did you mean " + std::string(*meant) + "? Known types: " : "; known types: ") +
         gpu_type_names([](const GpuType&) { return true; });
}

std::string gpu_type_names(bool (*wanted)(const GpuType&)) {
  std::string out;
  for (const GpuType& type : kGpuTypes) {
    if (!wanted(type)) continue;
    if (!out.empty()) out += ", ";
    out += type.name;
  }
  return out;
}

}  // namespace baton::config
