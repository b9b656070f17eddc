#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "config/config.h"

namespace baton::config {
namespace {

std::string sample(const std::string& name) {
  return BATON_SOURCE_DIR "/config/" + name;
}

Config load(const std::string& name) {
  const auto config = load_config(sample(name));
  if (!config) ADD_FAILURE() << format_problems(config.error());
  return config.value_or(Config{});
}

TEST(Samples, local_has_one_spawned_cpu_worker_of_each_role) {
  const Config config = load("local.yaml");
  EXPECT_EQ(config.listen, (ListenConfig{.host = "127.0.0.1", .port = 8000}));
  EXPECT_EQ(config.model, "baton-tiny");
  EXPECT_EQ(config.model_path, BATON_SOURCE_DIR "/tests/data/baton-tiny");
  ASSERT_EQ(config.workers.size(), 2U);
  EXPECT_EQ(config.workers[0].role, Role::prefill);
  EXPECT_EQ(config.workers[0].name, "127.0.0.1:7701");
  EXPECT_EQ(config.workers[1].role, Role::decode);
  EXPECT_EQ(config.workers[1].port, 7702);
  for (const WorkerConfig& worker : config.workers) {
    EXPECT_TRUE(worker.spawn);
    EXPECT_EQ(worker.gpu_type, "CPU");
  }
  EXPECT_EQ(config.kv_transfer.protocol, KvProtocol::automatic);
}

TEST(Samples, single_node_has_one_worker_for_both_roles) {
  const Config config = load("single-node.yaml");
  ASSERT_EQ(config.workers.size(), 1U);
  EXPECT_EQ(config.workers[0].role, Role::both);
}

TEST(Samples, heterogeneous_70b_loads_the_dynamo_style_file) {
  const Config config = load("heterogeneous-70b.yaml");
  ASSERT_EQ(config.workers.size(), 3U);
  EXPECT_EQ(config.workers[0].host, "prefill-node-1");
  EXPECT_EQ(config.workers[0].gpu_type, "H100_SXM5");
  EXPECT_EQ(config.workers[0].gpu_count, 8);
  EXPECT_EQ(config.workers[0].role, Role::prefill);
  EXPECT_EQ(config.workers[1].gpu_type, "L40S");
  EXPECT_EQ(config.workers[2].host, "decode-node-2");
  EXPECT_EQ(config.workers[2].role, Role::decode);
  EXPECT_EQ(config.kv_transfer.backend, "ucx");
  EXPECT_EQ(config.kv_transfer.protocol, KvProtocol::rdma);
  EXPECT_EQ(config.model, "meta-llama/Llama-3.1-70B-Instruct");
  EXPECT_EQ(config.served_model_name, config.model);
  EXPECT_EQ(config.model_path, "");
  ASSERT_EQ(config.notes.size(), 1U);
  EXPECT_EQ(config.notes[0], "kv_transfer.backend: nixl is read as ucx");
}

TEST(Samples, the_classes_of_the_scheduling_document_load_without_a_note) {
  std::ifstream file(BATON_SOURCE_DIR "/docs/scheduling.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string document = text.str();
  const std::string fence = "```yaml\nslo:";
  const std::size_t begin = document.find(fence);
  ASSERT_NE(begin, std::string::npos);
  const std::size_t from = begin + fence.find("slo:");
  const std::string example = document.substr(from, document.find("```", from) - from);
  const auto config = parse_config("model: m\nworkers: [{host: h, gpu_type: H100_SXM5}]\n" + example, "example.yaml");
  ASSERT_TRUE(config) << format_problems(config.error());
  EXPECT_EQ(config->classes.size(), 4U);
  EXPECT_EQ(config->slo, (SloConfig{.ttft_ms = 2000, .itl_ms = 80}));
  EXPECT_TRUE(config->notes.empty());
}

}  // namespace
}  // namespace baton::config
