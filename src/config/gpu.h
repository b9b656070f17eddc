#pragma once

#include <string>
#include <string_view>

#include "perf/catalogue.h"

namespace baton::config {

inline bool has_fp8(const perf::GpuSpec& gpu) {
  return gpu.fp8_flops > 0;
}
inline bool has_bf16(const perf::GpuSpec& gpu) {
  return gpu.bf16_flops > 0;
}
inline bool lacks_bf16(const perf::GpuSpec& gpu) {
  return !has_bf16(gpu);
}

/// Message for a gpu_type that the catalogue lacks: the nearest name, all names, and how to add one.
std::string unknown_gpu_type(const perf::Catalogue& catalogue, std::string_view name);

/// "H100_SXM5, H100_PCIe, …": the types for which `wanted` holds, in the catalogue's order.
std::string gpu_type_names(const perf::Catalogue& catalogue, bool (*wanted)(const perf::GpuSpec&));

}  // namespace baton::config
