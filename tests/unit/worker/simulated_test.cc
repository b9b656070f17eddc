#include "worker/simulated.h"

#include <gtest/gtest.h>

#include "perf/cost_model.h"
#include "perf/shapes.h"
#include "worker/replica.h"

namespace baton::worker {
namespace {

Config config_of(const std::string& model) {
  Config config;
  config.model = model;
  config.model_path = BATON_SOURCE_DIR "/tests/data/baton-tiny";
  return config;
}

WorkerConfig on(const std::string& gpu, std::int32_t count) {
  return {.name = "w", .host = "h", .gpu_type = gpu, .gpu_count = count, .engine = EngineKind::simulated};
}

TEST(ReplicaOf, the_workers_own_keys_win_over_the_catalogue) {
  const auto shape = *perf::known_shape("llama-3.1-70b");
  WorkerConfig worker = on("L40S", 8);
  worker.dtype = "fp8";
  const auto listed = replica_of(worker, shape, perf::builtin_catalogue());
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_NEAR(listed->dollars_per_hour, 8 * 0.72, 1e-9);
  EXPECT_EQ(listed->weight_bytes_per_parameter, 1);
  EXPECT_EQ(listed->tp, 8);
  worker.price_per_hour = 3;
  worker.tensor_parallel = 4;
  const auto own = replica_of(worker, shape, perf::builtin_catalogue());
  EXPECT_EQ(own->dollars_per_hour, 3);
  EXPECT_EQ(own->tp, 4);
}

TEST(ReplicaOf, formats_left_open_are_the_gpus_best) {
  const auto shape = *perf::known_shape("llama-3.2-1b");
  EXPECT_EQ(replica_of(on("A100_80G", 1), shape, perf::builtin_catalogue())->flops, 312e12);
  EXPECT_EQ(replica_of(on("T4", 1), shape, perf::builtin_catalogue())->flops, 65e12) << "float16";
  EXPECT_EQ(replica_of(on("TPU", 1), shape, perf::builtin_catalogue()).error().code, Errc::config);
}

TEST(SimulatedWorker, has_the_kv_room_of_its_gpus) {
  const auto parts = simulated_worker(config_of("meta-llama/Llama-3.1-70B-Instruct"), on("H100_SXM5", 4));
  ASSERT_TRUE(parts) << parts.error().message;
  const double tokens = perf::kv_capacity_tokens(*parts->options.replica);
  EXPECT_NEAR(parts->options.blocks, tokens / 16, 1);
  EXPECT_EQ(parts->runner->kv_layout(16).token_bytes(), 64U) << "stored are a few bytes only";
}

TEST(SimulatedWorker, kv_cache_gib_counts_in_the_models_own_bytes) {
  WorkerConfig worker = on("H100_SXM5", 4);
  worker.kv_cache_gib = 10;
  const auto parts = simulated_worker(config_of("llama-3.1-70b"), worker);
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->options.blocks, static_cast<std::int32_t>(10.0 * (1 << 30) / 327680 / 16));
}

TEST(SimulatedWorker, a_model_too_large_for_the_gpus_is_refused_with_a_remedy) {
  const auto parts = simulated_worker(config_of("llama-3.1-70b"), on("L40S", 2));
  ASSERT_FALSE(parts);
  EXPECT_EQ(parts.error().message,
            "w: the model's weights, 141 GB, leave no room for a KV cache on 2 x L40S; use more GPUs, larger ones or a "
            "smaller dtype");
}

}  // namespace
}  // namespace baton::worker
