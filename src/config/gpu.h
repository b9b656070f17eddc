#pragma once

#include <span>
#include <string>
#include <string_view>

namespace baton::config {

/// A gpu_type the configuration knows, and the number formats its hardware computes in.
struct GpuType {
  std::string_view name;
  bool has_bf16 = false;
  bool has_fp8 = false;
};

/// Every known type, in the order documentation lists them.
std::span<const GpuType> gpu_types();

/// By exact name; null if unknown.
const GpuType* find_gpu_type(std::string_view name);

/// "H100_SXM5, H100_PCIe, …": the types for which `wanted` holds.
std::string gpu_type_names(bool (*wanted)(const GpuType&));

}  // namespace baton::config
