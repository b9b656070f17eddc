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

/// What is wrong with a GPU type that find_gpu_type does not know, as a message for the user: the one that was probably
/// meant, and all there are.
std::string unknown_gpu_type(std::string_view name);

/// "H100_SXM5, H100_PCIe, …": the types for which `wanted` holds.
std::string gpu_type_names(bool (*wanted)(const GpuType&));

}  // namespace baton::config
