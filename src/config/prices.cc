#include "config/prices.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "config/read_file.h"
#include "config/read_value.h"
#include "config/reader.h"
#include "config/suggest.h"

namespace baton::config {
namespace {

/// A number of one kind of record: its key, the unit it is written in, its bounds in that unit.
template <class S>
struct NumberKey {
  std::string_view name;
  std::string_view help;
  double S::*member;
  double unit;
  Bounds bounds;
};

constexpr Bounds kRate{0, 1e6};  // TFLOP/s or Top/s: far above any device
constexpr Bounds kPrice{0, 1e6};

constexpr std::array kGpuNumbers{
    NumberKey<perf::GpuSpec>{"f32_tflops", "Dense peak in float32", &perf::GpuSpec::f32_flops, 1e12, kRate},
    NumberKey<perf::GpuSpec>{"f16_tflops", "In float16; 0: not supported", &perf::GpuSpec::f16_flops, 1e12, kRate},
    NumberKey<perf::GpuSpec>{"bf16_tflops", "In bfloat16; 0: not supported", &perf::GpuSpec::bf16_flops, 1e12, kRate},
    NumberKey<perf::GpuSpec>{"fp8_tflops", "In FP8; 0: not supported", &perf::GpuSpec::fp8_flops, 1e12, kRate},
    NumberKey<perf::GpuSpec>{"int8_tops", "In int8; 0: not supported", &perf::GpuSpec::int8_flops, 1e12, kRate},
    NumberKey<perf::GpuSpec>{"memory_gb", "Memory, 10⁹ bytes", &perf::GpuSpec::memory_bytes, 1e9, {0.1, 1e5}},
    NumberKey<perf::GpuSpec>{
        "bandwidth_gbs", "Memory bandwidth, 10⁹ bytes/s", &perf::GpuSpec::bandwidth, 1e9, {1, 1e6}},
    NumberKey<perf::GpuSpec>{
        "link_gbs", "NVLink or PCIe, one direction, 10⁹ bytes/s", &perf::GpuSpec::link_bytes_per_s, 1e9, {0, 1e6}},
    NumberKey<perf::GpuSpec>{"on_demand_per_hour", "US dollars per GPU and hour; 0: unknown",
                             &perf::GpuSpec::on_demand_per_hour, 1, kPrice},
    NumberKey<perf::GpuSpec>{"spot_per_hour", "The same for spot capacity", &perf::GpuSpec::spot_per_hour, 1, kPrice},
};
constexpr std::array kFitNumbers{
    NumberKey<perf::StepConstants>{"mfu", "", &perf::StepConstants::mfu, 1, {0.005, 2}},
    NumberKey<perf::StepConstants>{"mbu", "", &perf::StepConstants::mbu, 1, {0.005, 2}},
    NumberKey<perf::StepConstants>{"step_ms", "", &perf::StepConstants::t0_s, 1e-3, {0.001, 100}},
    NumberKey<perf::StepConstants>{"layer_us", "", &perf::StepConstants::t1_s, 1e-6, {0.01, 5000}},
};
constexpr std::array kAllReduceNumbers{
    NumberKey<perf::AllReduce>{"latency_us", "", &perf::AllReduce::alpha_s, 1e-6, {0, 1e6}},
    NumberKey<perf::AllReduce>{"bus_gbs", "", &perf::AllReduce::bus_bytes_per_s, 1e9, {0.001, 1e6}},
};

constexpr std::array<std::string_view, 3> kTopNames{"date", "source", "gpus"};
constexpr std::array<std::string_view, 3> kGpuOthers{"nvlink", "all_reduce", "fit"};
constexpr std::array kDegrees{Choice{"2", 2},   Choice{"4", 4},   Choice{"8", 8},
                              Choice{"16", 16}, Choice{"32", 32}, Choice{"64", 64}};

class CatalogueReader {
 public:
  explicit CatalogueReader(Problems& problems) : problems_(problems), catalogue_(perf::builtin_catalogue()) {}

  perf::Catalogue read(const YamlNode& root) && {
    for (const YamlNode* child : children(root, "", kTopNames)) {
      if (child->key == "gpus") {
        read_gpus(*child);
      } else {
        read_into(*child, child->key, {.bounds = {0, 4096}},
                  child->key == "date" ? catalogue_.date : catalogue_.source);
      }
    }
    return std::move(catalogue_);
  }

 private:
  /// Children of a map whose keys are among `known`, each once; anything else is reported. No names: any key will do.
  std::vector<const YamlNode*> children(const YamlNode& map, const std::string& path,
                                        std::span<const std::string_view> known) {
    std::vector<const YamlNode*> out;
    if (map.kind != YamlNode::Kind::map) {
      problems_.add(map, path, shown(map, {}) + " is not a map of keys; config/gpu_catalogue.json is an example");
      return out;
    }
    for (const YamlNode& child : map.children) {
      const bool is_known = known.empty() || std::ranges::find(known, child.key) != known.end();
      const bool is_twice = std::ranges::find(out, child.key, &YamlNode::key) != out.end();
      if (is_known && !is_twice) {
        out.push_back(&child);
        continue;
      }
      const auto meant = is_known ? std::nullopt : nearest(child.key, known);
      problems_.add(child, path + (path.empty() ? "" : ".") + quoted(child.key),
                    is_twice ? "the key is given twice; remove one"
                    : meant  ? "unknown key; did you mean " + std::string(*meant) + "?"
                             : "unknown key; remove it (config/gpu_catalogue.json shows all keys)");
    }
    return out;
  }

  template <class T>
  void read_into(const YamlNode& node, const std::string& path, const KeyInfo& info, T& out) {
    auto value = read_value<T>(node, info);
    if (value) {
      out = std::move(*value);
    } else {
      problems_.add(node, path, std::move(value.error()));
    }
  }

  template <class S>
  void read_number(const YamlNode& node, const std::string& path, const NumberKey<S>& key, S& out) {
    double value = out.*key.member / key.unit;
    read_into(node, path, {.bounds = key.bounds}, value);
    out.*key.member = value * key.unit;
  }

  template <class S>
  void read_numbers(const YamlNode& map, const std::string& path, std::span<const NumberKey<S>> keys, S& out) {
    std::vector<std::string_view> names;
    for (const NumberKey<S>& key : keys) names.push_back(key.name);
    for (const YamlNode* child : children(map, path, names)) {
      read_number(*child, path + "." + child->key, *std::ranges::find(keys, child->key, &NumberKey<S>::name), out);
    }
  }

  void read_gpus(const YamlNode& map) {
    for (const YamlNode* child : children(map, "gpus", {})) {
      if (!is_name(child->key)) {
        problems_.add(*child, "gpus",
                      quoted(child->key) + " is not a name of a GPU type; use letters, digits, - and _");
        continue;
      }
      read_gpu(*child, "gpus." + child->key);
    }
  }

  static bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
  }

  void read_gpu(const YamlNode& map, const std::string& path) {
    const auto known = std::ranges::find(catalogue_.gpus, map.key, &perf::GpuSpec::name);
    const bool is_new = known == catalogue_.gpus.end();
    perf::GpuSpec gpu = is_new ? perf::GpuSpec{.name = map.key} : *known;
    std::vector<std::string_view> names(kGpuOthers.begin(), kGpuOthers.end());
    for (const auto& key : kGpuNumbers) names.push_back(key.name);
    for (const YamlNode* child : children(map, path, names)) {
      const std::string child_path = path + "." + child->key;
      const auto number = std::ranges::find(kGpuNumbers, child->key, &NumberKey<perf::GpuSpec>::name);
      if (number != kGpuNumbers.end()) {
        read_number(*child, child_path, *number, gpu);
      } else if (child->key == "nvlink") {
        read_into(*child, child_path, {}, gpu.nvlink);
      } else if (child->key == "fit") {
        read_numbers<perf::StepConstants>(*child, child_path, kFitNumbers, gpu.constants);
      } else {
        read_all_reduce(*child, child_path, gpu);
      }
    }
    if (is_new) check_new(map, path, gpu);
    if (is_new) {
      catalogue_.gpus.push_back(std::move(gpu));
    } else {
      *known = std::move(gpu);
    }
  }

  void check_new(const YamlNode& map, const std::string& path, const perf::GpuSpec& gpu) {
    std::string missing;
    if (gpu.memory_bytes <= 0) missing += " memory_gb";
    if (gpu.bandwidth <= 0) missing += " bandwidth_gbs";
    if (gpu.f16_flops <= 0 && gpu.bf16_flops <= 0 && gpu.f32_flops <= 0) missing += " f16_tflops";
    if (missing.empty() || map.kind != YamlNode::Kind::map) return;
    problems_.add(map, path,
                  "a new GPU type lacks:" + missing + "; add it, or correct the name to one of " +
                      perf::builtin_catalogue().names());
  }

  void read_all_reduce(const YamlNode& map, const std::string& path, perf::GpuSpec& gpu) {
    gpu.all_reduce.clear();
    for (const YamlNode* child : children(map, path, {})) {
      const auto degree = std::ranges::find(kDegrees, child->key, &Choice::name);
      if (degree == kDegrees.end()) {
        problems_.add(*child, path, quoted(child->key) + " is not a degree of tensor parallelism; use 2, 4, 8, …, 64");
        continue;
      }
      perf::AllReduce value;
      read_numbers<perf::AllReduce>(*child, path + "." + child->key, kAllReduceNumbers, value);
      gpu.all_reduce.emplace_back(degree->value, value);
    }
  }

  Problems& problems_;
  perf::Catalogue catalogue_;
};

}  // namespace

std::expected<perf::Catalogue, std::vector<ConfigProblem>> parse_catalogue(std::string_view text,
                                                                           std::string_view source_name) {
  const auto root = parse_yaml(text, source_name);
  if (!root) return std::unexpected(std::vector{root.error()});
  Problems problems(source_name);
  perf::Catalogue catalogue = CatalogueReader(problems).read(*root);
  if (!problems.empty()) return std::unexpected(std::move(problems).take());
  return catalogue;
}

std::expected<perf::Catalogue, std::vector<ConfigProblem>> load_catalogue(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return std::unexpected(std::vector{text.error()});
  return parse_catalogue(*text, path);
}

const perf::Catalogue& catalogue_of(const Config& config) {
  return config.catalogue ? *config.catalogue : perf::builtin_catalogue();
}

std::string catalogue_markdown() {
  std::string out = "| key of a type | meaning |\n|---|---|\n";
  for (const auto& key : kGpuNumbers) out += "| `" + std::string(key.name) + "` | " + std::string(key.help) + " |\n";
  out += "| `nvlink` | true where the GPUs of a worker are joined by NVLink |\n";
  out += "| `all_reduce` | by degree of tensor parallelism: `{\"4\": {latency_us: 4.6, bus_gbs: 318}}` |\n";
  out += "| `fit` | constants of the cost model: `{mfu: 0.6, mbu: 0.75, step_ms: 1, layer_us: 20}` |\n";
  return out;
}

}  // namespace baton::config
