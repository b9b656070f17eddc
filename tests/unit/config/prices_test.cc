#include "config/prices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "config/config.h"
#include "config/diff.h"

namespace baton::config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

perf::Catalogue parsed(const std::string& text) {
  const auto catalogue = parse_catalogue(text, "p.yaml");
  if (!catalogue) ADD_FAILURE() << format_problems(catalogue.error());
  return catalogue.value_or(perf::Catalogue{});
}

std::vector<std::string> problems_of(const std::string& text) {
  const auto catalogue = parse_catalogue(text, "p.yaml");
  std::vector<std::string> out;
  if (catalogue) return out;
  for (const ConfigProblem& problem : catalogue.error()) out.push_back(problem.format());
  return out;
}

/// A folder of its own with a configuration and a price list.
class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("baton_prices_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

void expect_close(double a, double b, const std::string& what) {
  EXPECT_NEAR(a, b, 1e-9 * std::abs(b)) << what;
}

TEST(Prices, the_file_in_config_is_the_built_in_catalogue) {
  const auto file = load_catalogue(BATON_SOURCE_DIR "/config/gpu_catalogue.json");
  ASSERT_TRUE(file) << format_problems(file.error());
  const perf::Catalogue& builtin = perf::builtin_catalogue();
  EXPECT_EQ(file->date, builtin.date);
  EXPECT_EQ(file->source, builtin.source);
  ASSERT_EQ(file->names(), builtin.names());
  for (std::size_t i = 0; i < builtin.gpus.size(); ++i) {
    const perf::GpuSpec &a = file->gpus[i], &b = builtin.gpus[i];
    for (const double perf::GpuSpec::*member :
         {&perf::GpuSpec::f32_flops, &perf::GpuSpec::f16_flops, &perf::GpuSpec::bf16_flops, &perf::GpuSpec::fp8_flops,
          &perf::GpuSpec::int8_flops, &perf::GpuSpec::memory_bytes, &perf::GpuSpec::bandwidth,
          &perf::GpuSpec::link_bytes_per_s, &perf::GpuSpec::on_demand_per_hour, &perf::GpuSpec::spot_per_hour}) {
      expect_close(a.*member, b.*member, b.name);
    }
    EXPECT_EQ(a.nvlink, b.nvlink) << b.name;
    ASSERT_EQ(a.all_reduce.size(), b.all_reduce.size()) << b.name;
    for (std::size_t k = 0; k < b.all_reduce.size(); ++k) {
      EXPECT_EQ(a.all_reduce[k].first, b.all_reduce[k].first);
      expect_close(a.all_reduce[k].second.alpha_s, b.all_reduce[k].second.alpha_s, b.name);
      expect_close(a.all_reduce[k].second.bus_bytes_per_s, b.all_reduce[k].second.bus_bytes_per_s, b.name);
    }
  }
}

TEST(Prices, a_file_names_only_what_differs) {
  const auto catalogue = parsed("date: 2026-11-01\ngpus:\n  L40S: {on_demand_per_hour: 0.8, spot_per_hour: 0.45}\n");
  const perf::GpuSpec& l40s = *catalogue.find("L40S");
  EXPECT_EQ(catalogue.date, "2026-11-01");
  EXPECT_EQ(l40s.on_demand_per_hour, 0.8);
  EXPECT_EQ(l40s.spot_per_hour, 0.45);
  EXPECT_EQ(l40s.bandwidth, 864e9);
  EXPECT_EQ(*catalogue.find("H200"), *perf::builtin_catalogue().find("H200"));
}

TEST(Prices, new_types_and_fitted_constants_are_read) {
  const auto catalogue = parsed(
      "gpus:\n  RTX_PRO_6000: {f16_tflops: 252, memory_gb: 96, bandwidth_gbs: 1597, nvlink: false,\n"
      "    all_reduce: {\"2\": {latency_us: 10, bus_gbs: 30}},\n"
      "    fit: {mfu: 0.5, mbu: 0.8, step_ms: 2, layer_us: 30}}\n");
  const perf::GpuSpec* gpu = catalogue.find("RTX_PRO_6000");
  ASSERT_TRUE(gpu);
  EXPECT_EQ(gpu->f16_flops, 252e12);
  EXPECT_EQ(gpu->bandwidth, 1597e9);
  EXPECT_NEAR(gpu->all_reduce_of(2).alpha_s, 10e-6, 1e-15);
  EXPECT_EQ(gpu->constants.mfu, 0.5);
  EXPECT_NEAR(gpu->constants.t1_s, 30e-6, 1e-15);
}

TEST(Prices, every_problem_is_named_with_its_line) {
  EXPECT_THAT(problems_of("gpu: {}\n"), ElementsAre("p.yaml:1: \"gpu\": unknown key; did you mean gpus?"));
  EXPECT_THAT(problems_of("gpus:\n  L40S: {price: 1}\n"),
              ElementsAre(HasSubstr("p.yaml:2: gpus.L40S.\"price\": unknown")));
  EXPECT_THAT(problems_of("gpus:\n  L40S:\n    spot_per_hour: -1\n"),
              ElementsAre("p.yaml:3: gpus.L40S.spot_per_hour: -1 is out of bounds; it must be between 0 and 1000000"));
  EXPECT_THAT(problems_of("gpus:\n  L40S:\n    spot_per_hour: cheap\n"), ElementsAre(HasSubstr("is not a number")));
  EXPECT_THAT(problems_of("gpus:\n  L40S:\n    spot_per_hour: .nan\n"), ElementsAre(HasSubstr("is not a number")));
  EXPECT_THAT(
      problems_of("gpus:\n  L40: {on_demand_per_hour: 1}\n"),
      ElementsAre(AllOf(HasSubstr("p.yaml:2: gpus.L40: a new GPU type lacks: memory_gb bandwidth_gbs f16_tflops"),
                        HasSubstr("H100_SXM5"))));
  EXPECT_THAT(problems_of("gpus:\n  \"a b\": {}\n"), ElementsAre(HasSubstr("is not a name of a GPU type")));
  EXPECT_THAT(problems_of("gpus:\n  L40S: {}\n  L40S: {}\n"),
              ElementsAre(HasSubstr("p.yaml:3: gpus.\"L40S\": the key is given twice")));
  EXPECT_THAT(problems_of("gpus:\n  L40S: {all_reduce: {\"3\": {}}}\n"), ElementsAre(HasSubstr("is not a degree")));
  EXPECT_THAT(problems_of("gpus:\n  L40S: {fit: {mfu: 3}}\n"),
              ElementsAre(HasSubstr("p.yaml:2: gpus.L40S.fit.mfu: 3 is out of bounds")));
  EXPECT_THAT(problems_of("gpus:\n  L40S: 7\n"), ElementsAre(HasSubstr("is not a map of keys")));
  EXPECT_THAT(problems_of("gpus: [L40S]\n"), ElementsAre(HasSubstr("is not a map of keys")));
  EXPECT_THAT(problems_of("[]"), ElementsAre(HasSubstr("is not a map of keys")));
  EXPECT_THAT(problems_of("{"), ElementsAre(HasSubstr("not valid YAML")));
  EXPECT_THAT(problems_of(""), ElementsAre(HasSubstr("is not a map of keys")));
}

TEST(Prices, a_configuration_names_its_list_and_may_use_the_types_in_it) {
  const Folder folder;
  folder.write("prices.json", R"({"gpus": {"NPU_1": {"bf16_tflops": 100, "memory_gb": 64, "bandwidth_gbs": 1000}}})");
  const std::string path =
      folder.write("b.yaml", "model: m\nprices: prices.json\nworkers: [{host: h, gpu_type: NPU_1}]\n"
                             "classes: [{name: a, prefer_decode_gpus: [NPU_1]}]\n");
  const auto config = load_config(path);
  ASSERT_TRUE(config) << format_problems(config.error());
  EXPECT_NE(catalogue_of(*config).find("NPU_1"), nullptr);
  EXPECT_NE(catalogue_of(*config).find("H200"), nullptr);
  EXPECT_EQ(&catalogue_of(Config{}), &perf::builtin_catalogue());
}

TEST(Prices, problems_of_the_list_and_of_the_configuration_are_reported_together) {
  const Folder folder;
  const std::string list = folder.write("prices.json", "{\"gpus\": 1}");
  const auto config =
      load_config(folder.write("b.yaml", "model: m\nthreads: 0\nprices: prices.json\nworkers: [{host: h}]\n"));
  ASSERT_FALSE(config);
  ASSERT_EQ(config.error().size(), 2U);
  EXPECT_THAT(config.error()[0].format(), HasSubstr("b.yaml:2: threads"));
  EXPECT_THAT(config.error()[1].format(), HasSubstr("prices.json:1: gpus: "));
  const auto missing = load_config(folder.write("c.yaml", "model: m\nprices: none.json\nworkers: [{host: h}]\n"));
  ASSERT_FALSE(missing);
  EXPECT_THAT(format_problems(missing.error()), HasSubstr("none.json: cannot be opened: No such file"));
}

TEST(Prices, new_content_of_the_same_file_is_a_live_change) {
  const Folder folder;
  folder.write("prices.json", "{}");
  const std::string path = folder.write("b.yaml", "model: m\nprices: prices.json\nworkers: [{host: h}]\n");
  const auto before = load_config(path);
  folder.write("prices.json", R"({"gpus": {"L40S": {"on_demand_per_hour": 9}}})");
  const auto after = load_config(path);
  ASSERT_TRUE(before && after);
  const ConfigDiff changes = diff(*before, *after);
  ASSERT_EQ(changes.values.size(), 1U);
  EXPECT_EQ(changes.values[0].key, "prices");
  EXPECT_FALSE(changes.needs_restart());
  EXPECT_TRUE(diff(*before, *before).empty());
}

}  // namespace
}  // namespace baton::config
