#include "perf/catalogue.h"

// The same values as config/gpu_catalogue.json; a test compares the two.

namespace baton::perf {

namespace {

using AllReduceTable = std::vector<std::pair<std::int32_t, AllReduce>>;

constexpr double kTera = 1e12;
constexpr double kGiga = 1e9;
constexpr double kMicro = 1e-6;

// Latency of a small message, bus rate of a large one, by degree of tensor parallelism.
AllReduceTable h100_nvlink() {
  return {{2, {4.3 * kMicro, 280 * kGiga}}, {4, {4.6 * kMicro, 318 * kGiga}}, {8, {4.7 * kMicro, 387 * kGiga}}};
}
AllReduceTable nvlink_pairs() {
  return {{2, {50 * kMicro, 182 * kGiga}}, {4, {59 * kMicro, 24 * kGiga}}};
}
AllReduceTable h200_nvlink() {
  return {{2, {4.5 * kMicro, 282 * kGiga}}, {4, {4.6 * kMicro, 323 * kGiga}}, {8, {4.9 * kMicro, 394 * kGiga}}};
}
AllReduceTable b200_nvlink() {
  return {{2, {7.0 * kMicro, 455 * kGiga}}, {4, {7.2 * kMicro, 536 * kGiga}}, {8, {7.9 * kMicro, 562 * kGiga}}};
}
AllReduceTable pcie() {
  return {{2, {5.6 * kMicro, 19 * kGiga}}, {4, {14.1 * kMicro, 4 * kGiga}}, {8, {26.7 * kMicro, 2 * kGiga}}};
}
AllReduceTable a100_nvlink() {
  return {{2, {5.0 * kMicro, 176 * kGiga}}, {4, {5.3 * kMicro, 194 * kGiga}}, {8, {6.3 * kMicro, 200 * kGiga}}};
}
AllReduceTable a6000_pairs() {
  return {{2, {50 * kMicro, 34 * kGiga}}, {4, {14.1 * kMicro, 4 * kGiga}}, {8, {26.7 * kMicro, 2 * kGiga}}};
}
AllReduceTable v100_nvlink() {
  return {{2, {5.0 * kMicro, 88.0 * kGiga}}, {4, {5.3 * kMicro, 97.0 * kGiga}}, {8, {6.3 * kMicro, 100.0 * kGiga}}};
}

std::vector<GpuSpec> gpus() {
  return {
      {.name = "H100_SXM5",
       .f32_flops = 67 * kTera,
       .f16_flops = 989 * kTera,
       .bf16_flops = 989 * kTera,
       .fp8_flops = 1979 * kTera,
       .int8_flops = 1979 * kTera,
       .memory_bytes = 80 * kGiga,
       .bandwidth = 3350 * kGiga,
       .nvlink = true,
       .link_bytes_per_s = 450 * kGiga,
       .all_reduce = h100_nvlink(),
       .on_demand_per_hour = 2.57},
      {.name = "H100_PCIe",
       .f32_flops = 51 * kTera,
       .f16_flops = 756 * kTera,
       .bf16_flops = 756 * kTera,
       .fp8_flops = 1513 * kTera,
       .int8_flops = 1513 * kTera,
       .memory_bytes = 80 * kGiga,
       .bandwidth = 2000 * kGiga,
       .nvlink = true,
       .link_bytes_per_s = 300 * kGiga,
       .all_reduce = nvlink_pairs()},
      {.name = "H200",
       .f32_flops = 67 * kTera,
       .f16_flops = 989 * kTera,
       .bf16_flops = 989 * kTera,
       .fp8_flops = 1979 * kTera,
       .int8_flops = 1979 * kTera,
       .memory_bytes = 141 * kGiga,
       .bandwidth = 4800 * kGiga,
       .nvlink = true,
       .link_bytes_per_s = 450 * kGiga,
       .all_reduce = h200_nvlink(),
       .on_demand_per_hour = 5.0},
      {.name = "B200",
       .f32_flops = 75 * kTera,
       .f16_flops = 2250 * kTera,
       .bf16_flops = 2250 * kTera,
       .fp8_flops = 4500 * kTera,
       .int8_flops = 4500 * kTera,
       .memory_bytes = 180 * kGiga,
       .bandwidth = 7700 * kGiga,
       .nvlink = true,
       .link_bytes_per_s = 900 * kGiga,
       .all_reduce = b200_nvlink(),
       .on_demand_per_hour = 7.43},
      {.name = "L40S",
       .f32_flops = 91.6 * kTera,
       .f16_flops = 362 * kTera,
       .bf16_flops = 362 * kTera,
       .fp8_flops = 733 * kTera,
       .int8_flops = 733 * kTera,
       .memory_bytes = 48 * kGiga,
       .bandwidth = 864 * kGiga,
       .link_bytes_per_s = 32 * kGiga,
       .all_reduce = pcie(),
       .on_demand_per_hour = 0.72},
      {.name = "A100_80G",
       .f32_flops = 19.5 * kTera,
       .f16_flops = 312 * kTera,
       .bf16_flops = 312 * kTera,
       .int8_flops = 624 * kTera,
       .memory_bytes = 80 * kGiga,
       .bandwidth = 2039 * kGiga,
       .nvlink = true,
       .link_bytes_per_s = 300 * kGiga,
       .all_reduce = a100_nvlink(),
       .on_demand_per_hour = 1.76},
      {.name = "A100_80G_SXM",
       .f32_flops = 19.5 * kTera,
       .f16_flops = 312 * kTera,
       .bf16_flops = 312 * kTera,
       .int8_flops = 624 * kTera,
       .memory_bytes = 80 * kGiga,
       .bandwidth = 2039 * kGiga,
       .nvlink = true,
       .link_bytes_per_s = 300 * kGiga,
       .all_reduce = a100_nvlink(),
       .on_demand_per_hour = 1.76},
      {.name = "A100_80G_PCIe",
       .f32_flops = 19.5 * kTera,
       .f16_flops = 312 * kTera,
       .bf16_flops = 312 * kTera,
       .int8_flops = 624 * kTera,
       .memory_bytes = 80 * kGiga,
       .bandwidth = 1935 * kGiga,
       .nvlink = true,
       .link_bytes_per_s = 300 * kGiga,
       .all_reduce = nvlink_pairs(),
       .on_demand_per_hour = 1.04},
      {.name = "A100_40G",
       .f32_flops = 19.5 * kTera,
       .f16_flops = 312 * kTera,
       .bf16_flops = 312 * kTera,
       .int8_flops = 624 * kTera,
       .memory_bytes = 40 * kGiga,
       .bandwidth = 1555 * kGiga,
       .nvlink = true,
       .link_bytes_per_s = 300 * kGiga,
       .all_reduce = a100_nvlink(),
       .on_demand_per_hour = 1.42},
      {.name = "A100_40G_SXM",
       .f32_flops = 19.5 * kTera,
       .f16_flops = 312 * kTera,
       .bf16_flops = 312 * kTera,
       .int8_flops = 624 * kTera,
       .memory_bytes = 40 * kGiga,
       .bandwidth = 1555 * kGiga,
       .nvlink = true,
       .link_bytes_per_s = 300 * kGiga,
       .all_reduce = a100_nvlink(),
       .on_demand_per_hour = 1.42},
      {.name = "A100_40G_PCIe",
       .f32_flops = 19.5 * kTera,
       .f16_flops = 312 * kTera,
       .bf16_flops = 312 * kTera,
       .int8_flops = 624 * kTera,
       .memory_bytes = 40 * kGiga,
       .bandwidth = 1555 * kGiga,
       .nvlink = true,
       .link_bytes_per_s = 300 * kGiga,
       .all_reduce = nvlink_pairs(),
       .on_demand_per_hour = 1.42},
      {.name = "L4",
       .f32_flops = 30.3 * kTera,
       .f16_flops = 121 * kTera,
       .bf16_flops = 121 * kTera,
       .fp8_flops = 242 * kTera,
       .int8_flops = 242 * kTera,
       .memory_bytes = 24 * kGiga,
       .bandwidth = 300 * kGiga,
       .link_bytes_per_s = 32 * kGiga,
       .all_reduce = pcie(),
       .on_demand_per_hour = 0.65},
      {.name = "A6000",
       .f32_flops = 38.7 * kTera,
       .f16_flops = 155 * kTera,
       .bf16_flops = 155 * kTera,
       .int8_flops = 310 * kTera,
       .memory_bytes = 48 * kGiga,
       .bandwidth = 768 * kGiga,
       .nvlink = true,
       .link_bytes_per_s = 56 * kGiga,
       .all_reduce = a6000_pairs()},
      {.name = "A10G",
       .f32_flops = 31.2 * kTera,
       .f16_flops = 70 * kTera,
       .bf16_flops = 70 * kTera,
       .int8_flops = 140 * kTera,
       .memory_bytes = 24 * kGiga,
       .bandwidth = 600 * kGiga,
       .link_bytes_per_s = 32 * kGiga,
       .all_reduce = pcie(),
       .on_demand_per_hour = 1.01},
      {.name = "RTX_5090",
       .f32_flops = 104.8 * kTera,
       .f16_flops = 209.5 * kTera,
       .bf16_flops = 209.5 * kTera,
       .fp8_flops = 419 * kTera,
       .int8_flops = 838 * kTera,
       .memory_bytes = 32 * kGiga,
       .bandwidth = 1792 * kGiga,
       .link_bytes_per_s = 64 * kGiga,
       .all_reduce = pcie()},
      {.name = "RTX_4090",
       .f32_flops = 82.6 * kTera,
       .f16_flops = 165.2 * kTera,
       .bf16_flops = 165.2 * kTera,
       .fp8_flops = 330.3 * kTera,
       .int8_flops = 660.6 * kTera,
       .memory_bytes = 24 * kGiga,
       .bandwidth = 1008 * kGiga,
       .link_bytes_per_s = 32 * kGiga,
       .all_reduce = pcie()},
      {.name = "T4",
       .f32_flops = 8.1 * kTera,
       .f16_flops = 65 * kTera,
       .int8_flops = 130 * kTera,
       .memory_bytes = 16 * kGiga,
       .bandwidth = 320 * kGiga,
       .link_bytes_per_s = 16 * kGiga,
       .all_reduce = pcie(),
       .on_demand_per_hour = 0.425},
      {.name = "V100",
       .f32_flops = 15.7 * kTera,
       .f16_flops = 125 * kTera,
       .int8_flops = 62 * kTera,
       .memory_bytes = 32 * kGiga,
       .bandwidth = 900 * kGiga,
       .nvlink = true,
       .link_bytes_per_s = 150 * kGiga,
       .all_reduce = v100_nvlink()},
      {.name = "CPU",
       .f32_flops = 0.5 * kTera,
       .f16_flops = 0.5 * kTera,
       .bf16_flops = 1.5 * kTera,
       .int8_flops = 1.5 * kTera,
       .memory_bytes = 64 * kGiga,
       .bandwidth = 40 * kGiga,
       .link_bytes_per_s = 10 * kGiga},
  };
}

}  // namespace

const Catalogue& builtin_catalogue() {
  static const Catalogue kCatalogue{
      .date = "2026-04-17",
      .source =
          "vendor data sheets (dense rates, no sparsity); prices: public rental listings of that day,"
          " the middle of a range, 2024 list price for A10G; all-reduce: measured on A100, H100, H200"
          ", B200 and L40S, others from the nearest of them",
      .gpus = gpus()};
  return kCatalogue;
}

}  // namespace baton::perf
