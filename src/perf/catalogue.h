#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "baton/error.h"
#include "baton/types.h"
#include "perf/replica.h"

namespace baton::perf {

/// One GPU type as sold: dense peaks (no sparsity), one device.
struct GpuSpec {
  std::string name;  ///< as in gpu_type
  /// FLOP/s (int8: op/s); 0: not supported.
  double f32_flops = 0, f16_flops = 0, bf16_flops = 0, fp8_flops = 0, int8_flops = 0;
  double memory_bytes = 0;
  double bandwidth = 0;  ///< bytes/s
  bool nvlink = false;
  double link_bytes_per_s = 0;                                 ///< NVLink or PCIe, one direction
  std::vector<std::pair<std::int32_t, AllReduce>> all_reduce;  ///< by tensor-parallel degree
  double on_demand_per_hour = 0, spot_per_hour = 0;            ///< US dollars; 0: unknown
  StepConstants constants;
  friend bool operator==(const GpuSpec&, const GpuSpec&) = default;

  /// Of the degree, or of the nearest larger one measured, else the largest; without any, one of a plain PCIe box.
  AllReduce all_reduce_of(std::int32_t tp) const;
};

/// GPU types with their prices at a date. The built-in one is compiled in; a file can override and add types.
struct Catalogue {
  std::string date;  ///< of the prices, ISO
  std::string source;
  std::vector<GpuSpec> gpus;
  friend bool operator==(const Catalogue&, const Catalogue&) = default;

  /// By exact name; null if unknown. Valid as long as the catalogue is unchanged.
  const GpuSpec* find(std::string_view name) const;
  /// Every name, in order: "H100_SXM5, H100_PCIe, …".
  std::string names() const;
};
/// The same data as config/gpu_catalogue.json.
const Catalogue& builtin_catalogue();

/// Bytes of one weight or KV value; scales of quantised formats are left out.
double bytes_of(DType type);
/// FLOP/s that `gpu` computes with when the weights are in `weights`: weight-only formats (int8, int4) compute in
/// bf16, else f16. 0: it cannot.
double flops_of(const GpuSpec& gpu, DType weights);

struct ReplicaOptions {
  std::int32_t gpus = 1;
  std::int32_t tp = 1;
  DType weights = DType::bf16;
  DType kv = DType::bf16;
  double dollars_per_hour = 0;  ///< of the whole worker; 0: catalogue price × gpus
  bool spot = false;
};
/// Errors (config): a dtype the GPU cannot compute with, tp over the GPUs or that does not divide the heads, a shape
/// without layers; the message names the remedy.
Result<Replica> make_replica(const GpuSpec& gpu, const ModelShape& shape, const ReplicaOptions& options);

}  // namespace baton::perf
