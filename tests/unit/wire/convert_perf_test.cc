#include "wire/convert_perf.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "perf/catalogue.h"
#include "perf/shapes.h"
#include "wire/convert.h"
#include "wire/wire.pb.h"

namespace baton::wire {
namespace {

const double kNan = std::numeric_limits<double>::quiet_NaN();
const double kInf = std::numeric_limits<double>::infinity();

perf::Replica mixture() {
  return *perf::make_replica(*perf::builtin_catalogue().find("H200"), *perf::known_shape("mixtral-8x7b"),
                             {.gpus = 4, .tp = 2, .weights = DType::fp8_e4m3});
}

HelloReply reply_of(const perf::Replica& replica) {
  HelloReply reply;
  *reply.mutable_cost_model() = to_wire(replica);
  reply.set_price_per_hour(replica.dollars_per_hour);
  return reply;
}

TEST(ConvertPerf, a_cost_model_survives_the_wire) {
  EXPECT_EQ(replica_from_wire(reply_of(mixture())), mixture());
  EXPECT_EQ(replica_from_wire(HelloReply{}), std::nullopt);
}

TEST(ConvertPerf, absurd_cost_models_are_dropped) {
  const std::function<void(CostModel&)> changes[] = {
      [](CostModel& m) { m.mutable_shape()->set_layers(0); },
      [](CostModel& m) { m.mutable_shape()->set_layers(-3); },
      [](CostModel& m) { m.mutable_shape()->set_parameters(kNan); },
      [](CostModel& m) { m.mutable_shape()->set_resident_parameters(-1); },
      [](CostModel& m) { m.mutable_shape()->set_expert_parameters(1e15); },
      [](CostModel& m) { m.mutable_shape()->set_experts_per_token(9); },
      [](CostModel& m) { m.mutable_shape()->set_kv_heads(0); },
      [](CostModel& m) { m.set_tp(0); },
      [](CostModel& m) { m.set_flops(0); },
      [](CostModel& m) { m.set_flops(kInf); },
      [](CostModel& m) { m.set_bandwidth(kNan); },
      [](CostModel& m) { m.set_memory_bytes(-1); },
      [](CostModel& m) { m.set_weight_bytes_per_parameter(0); },
      [](CostModel& m) { m.set_mfu(0); },
      [](CostModel& m) { m.set_mbu(50); },
      [](CostModel& m) { m.set_step_s(10); },
      [](CostModel& m) { m.set_all_reduce_latency_s(-1); },
  };
  for (std::size_t i = 0; i < std::size(changes); ++i) {
    HelloReply reply = reply_of(mixture());
    changes[i](*reply.mutable_cost_model());
    EXPECT_EQ(replica_from_wire(reply), std::nullopt) << "change " << i;
  }
}

TEST(ConvertPerf, absurd_prices_count_as_unknown) {
  for (const double price : {kNan, kInf, -1.0, 1e9}) {
    HelloReply reply = reply_of(mixture());
    reply.set_price_per_hour(price);
    EXPECT_EQ(price_from_wire(reply), 0) << price;
    ASSERT_TRUE(replica_from_wire(reply)) << "the rest is still good";
  }
}

TEST(ConvertPerf, plausible_samples_arrive_and_others_do_not) {
  const perf::StepSample good{.rows = {.prefill_tokens = 100, .prefill_context = 7, .batch = 3, .decode_context = 50},
                              .seconds = 0.02};
  Load load;
  *load.add_samples() = to_wire(good);
  for (const double seconds : {kNan, 0.0, -1.0, 100.0}) {
    *load.add_samples() = to_wire(good);
    load.mutable_samples()->rbegin()->set_seconds(seconds);
  }
  load.add_samples()->set_seconds(0.1);  // no rows
  EXPECT_EQ(samples_from_wire(load), std::vector{good});
  for (int i = 0; i < 100; ++i) *load.add_samples() = to_wire(good);
  EXPECT_LE(samples_from_wire(load).size(), static_cast<std::size_t>(kMaxSamples));
}

TEST(ConvertPerf, a_cache_report_without_bounds_breaks_the_protocol) {
  Load load;
  load.mutable_cache()->mutable_added()->Resize(kMaxCacheHashes, 1);
  EXPECT_TRUE(validate(load).has_value());
  load.mutable_cache()->add_added(1);
  EXPECT_EQ(validate(load).error().code, Errc::protocol);
  load.mutable_cache()->clear_added();
  load.mutable_cache()->mutable_removed()->Resize(kMaxCacheHashes + 1, 1);
  EXPECT_EQ(validate(load).error().code, Errc::protocol);
}

TEST(ConvertPerf, names_of_places_are_bounded) {
  HelloReply reply;
  reply.set_version(1);
  reply.set_block_tokens(16);
  reply.set_total_blocks(1);
  reply.set_max_batch(1);
  reply.set_max_context(1);
  EXPECT_TRUE(validate(reply).has_value()) << validate(reply).error().message;
  reply.set_zone(std::string(kMaxNameBytes + 1, 'z'));
  EXPECT_FALSE(validate(reply).has_value());
}

}  // namespace
}  // namespace baton::wire
