#include "config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace baton::config {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Config parsed(const std::string& text, const std::string& source = "b.yaml") {
  const auto config = parse_config(text, source);
  if (!config) ADD_FAILURE() << format_problems(config.error());
  return config.value_or(Config{});
}

Config with(const std::string& extra) {
  return parsed("model: m\nworkers:\n  - host: h\n" + extra);
}

TEST(ParseConfig, fills_every_default) {
  Config expected;
  expected.source = "b.yaml";
  expected.model = expected.served_model_name = "m";
  WorkerConfig worker;
  worker.host = "h";
  worker.name = "h:7700";
  const Config config = with("");
  EXPECT_THAT(config.workers, ElementsAre(worker));
  EXPECT_EQ(config.limits, expected.limits);
  EXPECT_EQ(config.scheduling, expected.scheduling);
  EXPECT_EQ(config.fault_tolerance, expected.fault_tolerance);
  EXPECT_EQ(config.kv_transfer, expected.kv_transfer);
  EXPECT_EQ(config.listen, expected.listen);
  EXPECT_EQ(config.threads, 1);
  EXPECT_EQ(config.served_model_name, "m");
  EXPECT_EQ(config.source, "b.yaml");
  EXPECT_THAT(config.notes, IsEmpty());
}

TEST(ParseConfig, reads_every_key_of_a_worker) {
  const Config config = parsed(R"(model: m
workers:
  - host: h
    port: 9
    name: w
    role: both
    gpu_type: H200
    gpu_count: 8
    tensor_parallel: 4
    engine: native
    dtype: fp8
    kv_dtype: int8
    price_per_hour: 3.5
    spot: yes
    zone: z
    rack: r
    replicas: 1
    max_batch: 7
    spawn: true
    threads: 3
    kv_cache_gib: 1.5
)");
  const WorkerConfig expected{.name = "w",
                              .host = "h",
                              .port = 9,
                              .gpu_type = "H200",
                              .gpu_count = 8,
                              .role = Role::both,
                              .engine = EngineKind::native,
                              .tensor_parallel = 4,
                              .dtype = "fp8",
                              .kv_dtype = "int8",
                              .price_per_hour = 3.5,
                              .spot = true,
                              .zone = "z",
                              .rack = "r",
                              .replicas = 1,
                              .max_batch = 7,
                              .spawn = true,
                              .threads = 3,
                              .kv_cache_gib = 1.5};
  EXPECT_THAT(config.workers, ElementsAre(expected));
}

TEST(ParseConfig, reads_every_section) {
  const Config config = with(R"(
served_model_name: name
listen: {host: 0.0.0.0, port: 0}
threads: 4
log_level: debug
kv_transfer: {backend: ucx, protocol: shm, allow_fallback: on, devices: ["mlx5_0:1", mlx5_1]}
scheduling: {policy: round_robin, prefill_chunk_tokens: 256, block_tokens: 64, local_below_tokens: 10}
fault_tolerance: {max_attempts: 2, connect_timeout: 1s, ping_interval: 200ms, ping_timeout: 0.5, role_fallback: off}
limits:
  body_bytes: 1MB
  header_bytes: 8 KiB
  queue_requests: 0
  running_requests: 3
  connections: 5
  request_timeout: 2m
  queue_timeout: 1h
  header_timeout: 1.5s
  body_timeout: 7
  idle_timeout: 1ms
  write_timeout: 24h
)");
  EXPECT_EQ(config.served_model_name, "name");
  EXPECT_EQ(config.listen, (ListenConfig{.host = "0.0.0.0", .port = 0}));
  EXPECT_EQ(config.threads, 4);
  EXPECT_EQ(config.log_level, "debug");
  EXPECT_EQ(
      config.kv_transfer,
      (KvTransferConfig{
          .backend = "ucx", .protocol = KvProtocol::shm, .allow_fallback = true, .devices = {"mlx5_0:1", "mlx5_1"}}));
  EXPECT_EQ(config.scheduling, (SchedulingConfig{.policy = PlacementPolicy::round_robin,
                                                 .prefill_chunk_tokens = 256,
                                                 .block_tokens = 64,
                                                 .local_below_tokens = 10}));
  EXPECT_EQ(config.fault_tolerance, (FaultConfig{.max_attempts = 2,
                                                 .connect_timeout = milliseconds(1000),
                                                 .ping_interval = milliseconds(200),
                                                 .ping_timeout = milliseconds(500),
                                                 .role_fallback = false}));
  EXPECT_EQ(config.limits, (LimitsConfig{.body_bytes = 1'000'000,
                                         .header_bytes = 8192,
                                         .queue_requests = 0,
                                         .running_requests = 3,
                                         .connections = 5,
                                         .request_timeout = milliseconds(120'000),
                                         .queue_timeout = milliseconds(3'600'000),
                                         .header_timeout = milliseconds(1'500),
                                         .body_timeout = milliseconds(7'000),
                                         .idle_timeout = milliseconds(1),
                                         .write_timeout = milliseconds(86'400'000)}));
}

TEST(ParseConfig, reads_every_protocol) {
  EXPECT_EQ(with("kv_transfer: {protocol: auto}\n").kv_transfer.protocol, KvProtocol::automatic);
  EXPECT_EQ(with("kv_transfer: {protocol: rdma}\n").kv_transfer.protocol, KvProtocol::rdma);
  EXPECT_EQ(with("kv_transfer: {protocol: tcp}\n").kv_transfer.protocol, KvProtocol::tcp);
}

TEST(ParseConfig, reads_addresses_as_host_and_port) {
  EXPECT_EQ(with("listen: 10.0.0.1:80\n").listen, (ListenConfig{.host = "10.0.0.1", .port = 80}));
  EXPECT_EQ(with("listen: \"[::1]:81\"\n").listen, (ListenConfig{.host = "::1", .port = 81}));
}

TEST(ParseConfig, reads_the_token_in_both_forms) {
  EXPECT_EQ(with("auth_token: t\n").auth_token, "t");
  EXPECT_EQ(with("auth: {token: t}\n").auth_token, "t");
}

TEST(ParseConfig, takes_sections_without_keys_as_absent) {
  EXPECT_EQ(with("limits:\nprefill_workers:\n").limits, LimitsConfig{});
}

TEST(ParseConfig, orders_workers_by_list_and_gives_them_the_role_of_their_list) {
  const Config config =
      parsed("model: m\nworkers: [{host: c}]\ndecode_workers: [{host: b}]\nprefill_workers: [{host: a}]\n");
  ASSERT_EQ(config.workers.size(), 3U);
  EXPECT_EQ(config.workers[0].name, "a:7700");
  EXPECT_EQ(config.workers[0].role, Role::prefill);
  EXPECT_EQ(config.workers[1].name, "b:7700");
  EXPECT_EQ(config.workers[1].role, Role::decode);
  EXPECT_EQ(config.workers[2].name, "c:7700");
  EXPECT_EQ(config.workers[2].role, Role::both);
}

TEST(ParseConfig, takes_roles_from_the_workers_list) {
  const Config config = parsed("model: m\nworkers: [{host: a, role: prefill}, {host: b, role: decode}]\n");
  EXPECT_EQ(config.workers[0].role, Role::prefill);
  EXPECT_EQ(config.workers[1].role, Role::decode);
}

TEST(ParseConfig, expands_replicas_to_workers_on_consecutive_ports) {
  const Config config =
      parsed("model: m\nworkers: [{host: a, port: 10, replicas: 2}, {host: b, name: w, replicas: 2}]\n");
  ASSERT_EQ(config.workers.size(), 4U);
  EXPECT_EQ(config.workers[0].name, "a:10");
  EXPECT_EQ(config.workers[1].name, "a:11");
  EXPECT_EQ(config.workers[1].port, 11);
  EXPECT_EQ(config.workers[1].replicas, 1);
  EXPECT_EQ(config.workers[2].name, "w-0");
  EXPECT_EQ(config.workers[3].name, "w-1");
  EXPECT_EQ(config.workers[3].port, 7701);
}

TEST(ParseConfig, resolves_a_relative_model_path_against_the_file) {
  const std::string worker = "workers: [{host: h}]\n";
  EXPECT_EQ(parsed("model: m\nmodel_path: ../w\n" + worker, "/etc/baton/b.yaml").model_path, "/etc/w");
  EXPECT_EQ(parsed("model: m\nmodel_path: /w\n" + worker, "/etc/baton/b.yaml").model_path, "/w");
  EXPECT_EQ(parsed("model: m\nmodel_path: w\n" + worker, "b.yaml").model_path, "w");
  EXPECT_EQ(parsed("model: ./w\n" + worker, "/etc/baton/b.yaml").model_path, "/etc/baton/w");
  EXPECT_EQ(parsed("model: meta/w\n" + worker, "/etc/baton/b.yaml").model_path, "");
}

TEST(ParseConfig, shares_settings_through_anchors) {
  const Config config = parsed("model: m\nworkers: [{host: &h node, port: 1}, {host: *h, port: 2}]\n");
  ASSERT_EQ(config.workers.size(), 2U);
  EXPECT_EQ(config.workers[1].host, "node");
}

TEST(ParseConfig, reads_windows_line_ends_and_a_byte_order_mark) {
  EXPECT_EQ(parsed("\xEF\xBB\xBFmodel: m\r\nworkers:\r\n  - host: h\r\n").workers.front().host, "h");
}

TEST(ParseConfig, notes_gpus_that_stay_idle) {
  EXPECT_THAT(parsed("model: m\nworkers: [{host: h, gpu_count: 8, gpu_type: H200, tensor_parallel: 2}]\n").notes,
              ElementsAre("workers[0]: 6 of its 8 GPUs stay idle; use replicas to occupy them"));
}

}  // namespace
}  // namespace baton::config
