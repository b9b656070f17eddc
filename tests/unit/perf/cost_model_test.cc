#include "perf/cost_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "perf/catalogue.h"
#include "perf/shapes.h"

namespace baton::perf {
namespace {

Replica replica_on(std::string_view gpu, std::string_view model, const ReplicaOptions& options) {
  const auto made = make_replica(*builtin_catalogue().find(gpu), known_shape(model).value(), options);
  EXPECT_TRUE(made.has_value()) << made.error().message;
  return made.value_or(Replica{});
}

ReplicaOptions on_gpus(std::int32_t gpus, DType weights = DType::bf16) {
  return {.gpus = gpus, .tp = gpus, .weights = weights};
}

std::string refusal(std::string_view gpu, std::string_view model, const ReplicaOptions& options) {
  const auto made = make_replica(*builtin_catalogue().find(gpu), known_shape(model).value(), options);
  EXPECT_FALSE(made.has_value());
  return made ? "" : made.error().message;
}

TEST(CostModel, prefill_is_the_roofline_of_its_flops) {
  const Replica r = replica_on("H100_SXM5", "llama-3.1-8b", on_gpus(1));
  const double n = 4096, p = 1000;
  const double flops = 2 * r.shape.parameters * n + 4.0 * 32 * 32 * 128 * (n * p + n * n / 2);
  EXPECT_NEAR(prefill_s(r, n, p), flops / (989e12 * 0.60) + 1e-3 + 32 * 20e-6, 1e-12);
}

TEST(CostModel, a_prompt_of_few_tokens_still_reads_all_weights) {
  const Replica r = replica_on("H100_SXM5", "llama-3.1-8b", on_gpus(1));
  EXPECT_GT(prefill_s(r, 1, 0), r.weight_bytes() / r.bandwidth);
}

TEST(CostModel, decode_reads_the_weights_once_and_the_kv_of_every_sequence) {
  const Replica r = replica_on("H100_SXM5", "llama-3.1-8b", on_gpus(1));
  const double bytes = r.shape.parameters * 2 + 16 * 2000.0 * 131072;
  EXPECT_NEAR(decode_step_s(r, 16, 2000), bytes / (3350e9 * 0.75) + 1e-3 + 32 * 20e-6, 1e-12);
}

TEST(CostModel, a_huge_batch_is_bound_by_compute) {
  const Replica r = replica_on("H100_SXM5", "llama-3.1-8b", on_gpus(1));
  EXPECT_NEAR(decode_step_s(r, 4096, 0), 2 * r.shape.parameters * 4096 / (989e12 * 0.60) + 1e-3 + 32 * 20e-6, 1e-12);
}

TEST(CostModel, tensor_parallel_ranks_pay_two_all_reduces_per_layer) {
  Replica r = replica_on("L40S", "llama-3.1-70b", on_gpus(4));
  const double with = decode_step_s(r, 8, 100);
  const double one = 14.1e-6 + 2 * 3.0 / 4 * (8.0 * 8192 * 2) / 4e9;
  r.all_reduce = {};
  EXPECT_NEAR(with - decode_step_s(r, 8, 100), 2 * 80 * one, 1e-12);
}

TEST(CostModel, a_mixed_step_costs_less_than_its_parts_and_more_than_either) {
  const Replica r = replica_on("L40S", "llama-3.1-8b", on_gpus(1));
  const double mixed = step_s(r, {.prefill_tokens = 512, .prefill_context = 0, .batch = 8, .decode_context = 1000});
  EXPECT_GT(mixed, prefill_s(r, 512, 0));
  EXPECT_GT(mixed, decode_step_s(r, 8, 1000));
  EXPECT_LT(mixed, prefill_s(r, 512, 0) + decode_step_s(r, 8, 1000));
}

TEST(CostModel, a_mixture_reads_the_experts_its_rows_hit) {
  const Replica r = replica_on("H200", "mixtral-8x7b", on_gpus(2));
  const double always = r.shape.resident_parameters - r.shape.expert_parameters;
  const auto bytes = [&](double batch) {
    return 2 * (always + r.shape.expert_parameters * (1 - std::pow(0.75, batch)));
  };
  EXPECT_NEAR(step_terms(r, {.batch = 1}).memory_s, bytes(1) / r.bandwidth, 1e-12);
  EXPECT_NEAR(step_terms(r, {.batch = 8}).memory_s, bytes(8) / r.bandwidth, 1e-12);
  EXPECT_NEAR(bytes(1), 2 * r.shape.parameters, 1e3) << "one row reads exactly the active parameters";
}

TEST(CostModel, nonsense_rows_give_finite_times) {
  const Replica r = replica_on("L40S", "llama-3.1-8b", on_gpus(1));
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  for (const double bad : {nan, inf, -inf, -5.0, 1e300}) {
    for (const double s : {prefill_s(r, bad, bad), decode_step_s(r, bad, 10), decode_step_s(r, 4, bad),
                           step_s(Replica{}, {.batch = 4}), transfer_s({bad, bad}, bad), max_batch(r, bad, 100)}) {
      EXPECT_TRUE(std::isfinite(s)) << bad;
      EXPECT_GE(s, 0) << bad;
    }
  }
  EXPECT_EQ(step_s(r, {}), 0) << "a step without rows";
}

TEST(CostModel, the_largest_batch_meets_the_latency_and_one_more_would_not) {
  const Replica r = replica_on("H100_SXM5", "llama-3.1-8b", on_gpus(1));
  const double batch = max_batch(r, 0.012, 2000);
  EXPECT_GT(batch, 1);
  EXPECT_LE(decode_step_s(r, batch, 2000), 0.012);
  EXPECT_GT(decode_step_s(r, batch + 1, 2000), 0.012);
  EXPECT_EQ(max_batch(r, 1e-6, 2000), 0) << "no batch is that fast";
  const double all = max_batch(r, 100, 2000);
  EXPECT_EQ(all, std::floor(kv_capacity_tokens(r) / 2000)) << "then memory is the limit";
}

TEST(CostModel, kv_heads_held_by_several_ranks_take_room_on_each) {
  const double four = kv_capacity_tokens(replica_on("A100_80G", "qwen2.5-7b", on_gpus(4)));
  Replica r = replica_on("A100_80G", "qwen2.5-7b", on_gpus(4));
  r.tp = 8, r.memory_bytes *= 2;
  const double room = 0.9 * 640e9 - 16e9 - r.weight_bytes();
  EXPECT_NEAR(kv_capacity_tokens(r), room / (2 * r.kv_bytes_per_token()), 1.0);
  EXPECT_GT(four, 0);
}

TEST(CostModel, pushing_layers_early_hides_all_but_the_last_ones_share) {
  const Link link{.bytes_per_s = 25e9, .latency_s = 10e-6};
  EXPECT_NEAR(exposed_transfer_s(link, 1e9, 10.0, 80), 10e-6 + 1e9 / 80 / 25e9, 1e-12);
  EXPECT_NEAR(exposed_transfer_s(link, 1e9, 0.0, 80), transfer_s(link, 1e9), 1e-12);
  EXPECT_EQ(transfer_s(Link{}, 1e9), 0) << "an unknown link costs nothing";
  EXPECT_EQ(transfer_s(link, 0), 0);
}

TEST(CostModel, dollars_per_million_tokens_follow_from_price_and_rate) {
  EXPECT_NEAR(dollars_per_million(3.60, 1000), 1.0, 1e-12);
  EXPECT_NEAR(dollars_per_million(2.57, 2400), 2.57 / (0.0036 * 2400), 1e-12);
  EXPECT_EQ(dollars_per_million(1, 0), 0);
  EXPECT_NEAR(dollars(Replica{.dollars_per_hour = 7.2}, 500), 1.0, 1e-12);
}

// Figures in circulation, and what follows from data sheets and prices.
TEST(Honesty, two_l40s_do_not_decode_a_70b_model_at_2400_tokens_per_second) {
  const Replica r = replica_on("L40S", "llama-3.1-70b", on_gpus(2, DType::fp8_e4m3));
  for (const double context : {512.0, 1024.0, 2048.0}) {
    const double batch = max_batch(r, 10, context);
    const double rate = batch / decode_step_s(r, batch, context);
    EXPECT_GT(rate, 200) << context;
    EXPECT_LT(rate, 950) << context;
  }
}

TEST(Honesty, one_80_gb_gpu_has_no_kv_room_beside_70b_in_fp8) {
  const Replica r = replica_on("H100_SXM5", "llama-3.1-70b", on_gpus(1, DType::fp8_e4m3));
  EXPECT_EQ(kv_capacity_tokens(r), 0);
  EXPECT_EQ(max_batch(r, 1, 100), 0);
}

TEST(Honesty, bandwidth_and_flops_per_dollar_at_the_listed_prices) {
  const auto per_dollar = [](std::string_view name, double GpuSpec::*rate) {
    const GpuSpec& gpu = *builtin_catalogue().find(name);
    return gpu.*rate / 1e9 / gpu.on_demand_per_hour;
  };
  EXPECT_NEAR(per_dollar("H100_SXM5", &GpuSpec::bandwidth), 1304, 1);
  EXPECT_NEAR(per_dollar("L40S", &GpuSpec::bandwidth), 1200, 1);
  EXPECT_NEAR(per_dollar("A100_80G_PCIe", &GpuSpec::bandwidth), 1861, 1);
  EXPECT_LT(per_dollar("H100_SXM5", &GpuSpec::bf16_flops), per_dollar("L40S", &GpuSpec::bf16_flops));
}

TEST(Honesty, kv_of_256_tokens_of_a_70b_model_takes_milliseconds_over_200_gbit) {
  const Link link{.bytes_per_s = 25e9};
  const double kv = known_shape("llama-3.1-70b")->kv_bytes_per_token(2);
  EXPECT_EQ(kv, 327680);
  EXPECT_NEAR(transfer_s(link, 256 * kv) * 1e3, 3.36, 0.01);
  EXPECT_LT(transfer_s(link, 76 * kv), 1e-3);
  EXPECT_GT(transfer_s(link, 77 * kv), 1e-3);
}

TEST(Catalogue, every_type_has_what_the_cost_model_needs) {
  EXPECT_EQ(builtin_catalogue().gpus.size(), 19U);
  for (const GpuSpec& gpu : builtin_catalogue().gpus) {
    EXPECT_GT(gpu.f32_flops, 0) << gpu.name;
    EXPECT_GT(gpu.f16_flops, 0) << gpu.name;
    EXPECT_GT(gpu.memory_bytes, 1e9) << gpu.name;
    EXPECT_GT(gpu.bandwidth, 1e9) << gpu.name;
    EXPECT_GT(gpu.link_bytes_per_s, 1e9) << gpu.name;
    EXPECT_EQ(builtin_catalogue().find(gpu.name), &gpu) << "names are unique";
  }
}

TEST(Catalogue, number_formats_follow_the_generation) {
  const auto can = [](std::string_view gpu, DType type) { return flops_of(*builtin_catalogue().find(gpu), type) > 0; };
  for (const auto* gpu : {"H100_SXM5", "H200", "B200", "L40S", "L4", "RTX_4090", "RTX_5090"}) {
    EXPECT_TRUE(can(gpu, DType::fp8_e4m3)) << gpu;
  }
  for (const auto* gpu : {"A100_80G", "A10G", "A6000", "T4", "V100", "CPU"}) {
    EXPECT_FALSE(can(gpu, DType::fp8_e4m3)) << gpu;
  }
  EXPECT_FALSE(can("T4", DType::bf16));
  EXPECT_FALSE(can("V100", DType::bf16));
  EXPECT_TRUE(can("T4", DType::f16));
  EXPECT_TRUE(can("T4", DType::int8)) << "8-bit weights compute in float16 there";
}

TEST(Catalogue, an_unmeasured_degree_takes_the_next_larger_one) {
  const GpuSpec& h100 = *builtin_catalogue().find("H100_SXM5");
  EXPECT_EQ(h100.all_reduce_of(1), AllReduce{});
  EXPECT_EQ(h100.all_reduce_of(3), h100.all_reduce_of(4));
  EXPECT_EQ(h100.all_reduce_of(16), h100.all_reduce_of(8));
  for (const std::int32_t tp : {2, 4, 8}) {
    const AllReduce pcie = builtin_catalogue().find("L40S")->all_reduce_of(tp);
    EXPECT_NEAR(GpuSpec{}.all_reduce_of(tp).alpha_s, pcie.alpha_s, 1e-12);
    EXPECT_NEAR(GpuSpec{}.all_reduce_of(tp).bus_bytes_per_s, pcie.bus_bytes_per_s, 1);
  }
}

TEST(MakeReplica, prices_come_from_the_worker_then_from_the_list) {
  EXPECT_NEAR(replica_on("L40S", "llama-3.1-8b", on_gpus(4)).dollars_per_hour, 2.88, 1e-9);
  EXPECT_EQ(replica_on("L40S", "llama-3.1-8b", {.gpus = 4, .tp = 2, .dollars_per_hour = 1.5}).dollars_per_hour, 1.5);
  GpuSpec gpu = *builtin_catalogue().find("L40S");
  gpu.spot_per_hour = 0.3;
  EXPECT_NEAR(make_replica(gpu, *known_shape("llama-3.1-8b"), {.gpus = 2, .spot = true})->dollars_per_hour, 0.6, 1e-9);
  EXPECT_EQ(replica_on("RTX_4090", "llama-3.1-8b", on_gpus(1)).dollars_per_hour, 0) << "unknown";
}

TEST(MakeReplica, refusals_name_the_remedy) {
  EXPECT_EQ(refusal("A100_80G", "llama-3.1-8b", on_gpus(1, DType::fp8_e4m3)),
            "A100_80G cannot compute in fp8; use one of bfloat16, float16, float32, int8, int4");
  EXPECT_NE(refusal("T4", "llama-3.1-8b", on_gpus(1)).find("use one of float16"), std::string::npos);
  EXPECT_NE(refusal("L40S", "llama-3.1-8b", on_gpus(3)).find("does not divide"), std::string::npos);
  EXPECT_NE(refusal("L40S", "llama-3.1-8b", {.gpus = 1, .tp = 2}).find("needs as many GPUs"), std::string::npos);
  EXPECT_NE(make_replica(*builtin_catalogue().find("L40S"), {}, {}).error().message.find("incomplete"),
            std::string::npos);
}

TEST(KnownShapes, names_are_found_in_any_spelling) {
  const auto llama = known_shape("meta-llama/Llama-3.1-8B-Instruct");
  ASSERT_TRUE(llama);
  EXPECT_NEAR(llama->parameters, 8.03e9, 0.01e9);
  EXPECT_EQ(known_shape("/models/Meta-Llama-3.1-8B_FP8/"), llama);
  EXPECT_EQ(known_shape("deepseek-ai/DeepSeek-R1-Distill-Llama-8B"), llama);
  EXPECT_NE(known_shape("deepseek-ai/DeepSeek-R1"), llama);
  EXPECT_FALSE(known_shape("deepseek-r1-distill-nothing"));
  EXPECT_FALSE(known_shape("llama-3.1-80b"));
  EXPECT_FALSE(known_shape(""));
}

TEST(KnownShapes, parameters_agree_with_the_published_ones) {
  const std::pair<const char*, double> dense[] = {
      {"llama-3.1-70b", 70.6}, {"llama-3.1-405b", 405.85}, {"llama-3.2-1b", 1.24}, {"llama-3.2-3b", 3.21},
      {"qwen2.5-7b", 7.62},    {"qwen2.5-32b", 32.8},     {"qwen2.5-72b", 72.7},  {"qwen3-8b", 8.19},
      {"qwen3-14b", 14.8},     {"qwen3-32b", 32.8},       {"mistral-7b", 7.25}};
  for (const auto& [name, billions] : dense) EXPECT_NEAR(known_shape(name)->parameters / 1e9, billions, 0.05) << name;
  const std::tuple<const char*, double, double> mixtures[] = {
      {"mixtral-8x7b", 46.7, 12.9}, {"qwen3-235b-a22b", 235.1, 22.2}, {"qwen3-30b-a3b", 30.5, 3.35},
      {"deepseek-v3", 671.0, 37.5}};
  for (const auto& [name, total, active] : mixtures) {
    EXPECT_NEAR(known_shape(name)->resident_parameters / 1e9, total, 0.1) << name;
    EXPECT_NEAR(known_shape(name)->parameters / 1e9, active, 0.1) << name;
  }
}

}  // namespace
}  // namespace baton::perf
