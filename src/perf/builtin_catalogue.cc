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

AllReduceTable none() {
  return {};
}

struct Row {
  const char* name;
  double teraflops[5];  // f32, f16, bf16, fp8, int8
  double memory_gb, bandwidth_gbs;
  bool nvlink;
  double link_gbs;
  AllReduceTable (*all_reduce)();
  double dollars_per_hour;
};

// clang-format off
constexpr Row kRows[] = {
    {"H100_SXM5", {67, 989, 989, 1979, 1979}, 80, 3350, true, 450, h100_nvlink, 2.57},
    {"H100_PCIe", {51, 756, 756, 1513, 1513}, 80, 2000, true, 300, nvlink_pairs, 0},
    {"H200", {67, 989, 989, 1979, 1979}, 141, 4800, true, 450, h200_nvlink, 5.0},
    {"B200", {75, 2250, 2250, 4500, 4500}, 180, 7700, true, 900, b200_nvlink, 7.43},
    {"L40S", {91.6, 362, 362, 733, 733}, 48, 864, false, 32, pcie, 0.72},
    {"A100_80G", {19.5, 312, 312, 0, 624}, 80, 2039, true, 300, a100_nvlink, 1.76},
    {"A100_80G_SXM", {19.5, 312, 312, 0, 624}, 80, 2039, true, 300, a100_nvlink, 1.76},
    {"A100_80G_PCIe", {19.5, 312, 312, 0, 624}, 80, 1935, true, 300, nvlink_pairs, 1.04},
    {"A100_40G", {19.5, 312, 312, 0, 624}, 40, 1555, true, 300, a100_nvlink, 1.42},
    {"A100_40G_SXM", {19.5, 312, 312, 0, 624}, 40, 1555, true, 300, a100_nvlink, 1.42},
    {"A100_40G_PCIe", {19.5, 312, 312, 0, 624}, 40, 1555, true, 300, nvlink_pairs, 1.42},
    {"L4", {30.3, 121, 121, 242, 242}, 24, 300, false, 32, pcie, 0.65},
    {"A6000", {38.7, 155, 155, 0, 310}, 48, 768, true, 56, a6000_pairs, 0},
    {"A10G", {31.2, 70, 70, 0, 140}, 24, 600, false, 32, pcie, 1.01},
    {"RTX_5090", {104.8, 209.5, 209.5, 419, 838}, 32, 1792, false, 64, pcie, 0},
    {"RTX_4090", {82.6, 165.2, 165.2, 330.3, 660.6}, 24, 1008, false, 32, pcie, 0},
    {"T4", {8.1, 65, 0, 0, 130}, 16, 320, false, 16, pcie, 0.425},
    {"V100", {15.7, 125, 0, 0, 62}, 32, 900, true, 150, v100_nvlink, 0},
    {"CPU", {0.5, 0.5, 1.5, 0, 1.5}, 64, 40, false, 10, none, 0},
};
// clang-format on

GpuSpec spec_of(const Row& row) {
  const auto& rates = row.teraflops;
  return {.name = row.name,
          .f32_flops = rates[0] * kTera,
          .f16_flops = rates[1] * kTera,
          .bf16_flops = rates[2] * kTera,
          .fp8_flops = rates[3] * kTera,
          .int8_flops = rates[4] * kTera,
          .memory_bytes = row.memory_gb * kGiga,
          .bandwidth = row.bandwidth_gbs * kGiga,
          .nvlink = row.nvlink,
          .link_bytes_per_s = row.link_gbs * kGiga,
          .all_reduce = row.all_reduce(),
          .on_demand_per_hour = row.dollars_per_hour};
}

std::vector<GpuSpec> gpus() {
  std::vector<GpuSpec> out;
  for (const Row& row : kRows) out.push_back(spec_of(row));
  return out;
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
