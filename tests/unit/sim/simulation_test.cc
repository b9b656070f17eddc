#include "sim/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "perf/cost_model.h"
#include "sim/synthetic.h"

namespace baton::sim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// A worker of a small made-up model: a step of n rows takes 1 ms and n times 10 µs, decoding costs next to nothing.
WorkerSpec worker(const std::string& name, Role role) {
  WorkerSpec spec;
  spec.info.name = name;
  spec.info.role = role;
  spec.info.model_hash = "m";
  spec.info.total_blocks = 4000;
  spec.info.max_batch = 64;
  spec.info.max_context = 32'000;
  perf::Replica& r = spec.truth;
  r.shape = {.parameters = 1e9, .layers = 10, .hidden = 1000, .q_heads = 8, .kv_heads = 2, .head_dim = 100};
  r.flops = 2e9 / 10e-6;
  r.bandwidth = 1e12;
  r.constants = {.mfu = 1, .mbu = 1, .t0_s = 1e-3, .t1_s = 0};
  spec.nic_bytes_per_s = 1e9;
  return spec;
}

SimOptions split_cluster(int prefill, int decode) {
  SimOptions options;
  for (int i = 0; i < prefill; ++i) options.workers.push_back(worker("p" + std::to_string(i), Role::prefill));
  for (int i = 0; i < decode; ++i) options.workers.push_back(worker("d" + std::to_string(i), Role::decode));
  return options;
}

Workload chats(double rate, std::size_t count, std::uint64_t seed = 1) {
  return synthesize({.rate = rate,
                     .count = count,
                     .tenants = {{.prompt_mean = 500, .output_mean = 40, .shared_prefix = 64}},
                     .seed = seed});
}

std::uint64_t digest(const SimResult& result) {
  std::uint64_t hash = result.events;
  for (const RequestOutcome& r : result.requests) {
    for (const auto value : {r.first, r.last, r.ended, Nanos{r.tokens}, Nanos{r.cached}}) {
      hash = hash_combine(hash, static_cast<std::uint64_t>(value));
    }
  }
  return hash;
}

void expect_all_finished(const SimResult& result) {
  EXPECT_THAT(result.violations, IsEmpty());
  for (const RequestOutcome& r : result.requests) EXPECT_EQ(r.end, RequestOutcome::End::finished);
}

TEST(Simulation, every_request_ends_once_and_every_block_comes_back) {
  for (const Fidelity fidelity : {Fidelity::batch, Fidelity::fluid}) {
    SimOptions options = split_cluster(2, 3);
    options.fidelity = fidelity;
    const Workload load = chats(60, 600);
    const SimResult result = simulate(options, load);
    expect_all_finished(result);
    for (std::size_t i = 0; i < load.requests.size(); ++i) {
      EXPECT_EQ(result.requests[i].tokens, load.requests[i].output_tokens);
    }
    EXPECT_GT(result.kv_bytes, 0);
    EXPECT_GT(result.coordinator.split, 0U);
  }
}

TEST(Simulation, one_request_takes_what_the_cost_model_says) {
  SimOptions options;
  options.workers = {worker("w", Role::both)};
  Workload load;
  load.requests = {{.arrival = kSecond, .prompt_tokens = 512, .output_tokens = 11}};
  const SimResult result = simulate(options, load);
  expect_all_finished(result);
  const perf::Replica& truth = options.workers[0].truth;
  const double wires = 2 * seconds(options.wire_latency);
  EXPECT_NEAR(seconds(result.requests[0].first - kSecond), perf::step_s(truth, {.prefill_tokens = 512}) + wires, 1e-6);
  EXPECT_NEAR(result.requests[0].itl_s(), perf::step_s(truth, {.batch = 1, .decode_context = 518}), 1e-6);
}

TEST(Simulation, equal_seeds_give_equal_bits_and_others_do_not) {
  SimOptions options = split_cluster(2, 2);
  options.step_noise = 0.05;
  const Workload load = chats(50, 300);
  const std::uint64_t first = digest(simulate(options, load));
  EXPECT_EQ(digest(simulate(options, load)), first);
  options.seed = 2;
  EXPECT_NE(digest(simulate(options, load)), first);
}

/// Prompts of one length, a single output token, Poisson arrivals: an M/D/1 queue, if each prompt is a step of its own.
TEST(Simulation, one_prefill_server_queues_as_theory_says) {
  SimOptions options;
  options.workers = {worker("w", Role::both)};
  const double service = perf::step_s(options.workers[0].truth, {.prefill_tokens = 512});
  const double load_factor = 0.7;
  const Workload load = synthesize({.rate = load_factor / service,
                                    .count = 20'000,
                                    .tenants = {{.prompt_mean = 512, .prompt_variation = 0, .output_mean = 1, .output_variation = 0}}});
  const SimResult result = simulate(options, load);
  expect_all_finished(result);
  double sum = 0;
  for (const RequestOutcome& r : result.requests) sum += seconds(r.first - r.arrival);
  const double mean = sum / static_cast<double>(result.requests.size()) - 2 * seconds(options.wire_latency);
  const double theory = service * (1 + load_factor / (2 * (1 - load_factor)));
  EXPECT_NEAR(mean / theory, 1.0, 0.05);
}

TEST(Simulation, a_dead_worker_costs_retries_and_no_request) {
  for (const Fidelity fidelity : {Fidelity::batch, Fidelity::fluid}) {
    SimOptions options = split_cluster(2, 2);
    options.fidelity = fidelity;
    options.faults = {{.kind = Fault::Kind::kill, .worker = 0, .at = 2 * kSecond, .duration = 3 * kSecond},
                      {.kind = Fault::Kind::kill, .worker = 3, .at = 4 * kSecond, .duration = 2 * kSecond}};
    const SimResult result = simulate(options, chats(40, 400));
    expect_all_finished(result);
    EXPECT_GT(result.coordinator.retries + result.coordinator.replays, 0U);
    EXPECT_LT(result.alive[0], result.alive[1]);
  }
}

TEST(Simulation, a_spot_worker_drains_before_it_goes) {
  SimOptions options = split_cluster(1, 2);
  options.workers[2].spot = true;
  options.faults = {{.kind = Fault::Kind::spot, .worker = 2, .at = 2 * kSecond, .duration = kSecond, .notice = 2 * kSecond}};
  const SimResult result = simulate(options, chats(30, 300));
  expect_all_finished(result);
  EXPECT_EQ(result.coordinator.replays, 0U);  // answers are shorter than the notice
}

TEST(Simulation, spot_losses_come_at_the_given_rate) {
  std::vector<WorkerSpec> workers(50);
  for (WorkerSpec& w : workers) w.spot = true;
  workers[0].spot = false;
  const auto faults = spot_losses(workers, 1.0, 100 * 3600 * kSecond, 7);
  // 49 workers, 100 hours, one loss per hour that they are there (ten minutes away after each).
  EXPECT_NEAR(static_cast<double>(faults.size()), 49 * 100 / (1 + 600.0 / 3600), 200);
}

TEST(Simulation, a_slow_node_and_a_slow_link_are_felt) {
  SimOptions options = split_cluster(1, 1);
  const Workload load = chats(5, 100);
  const auto mean = [&](auto measure) {
    const SimResult result = simulate(options, load);
    double sum = 0;
    for (const RequestOutcome& r : result.requests) sum += measure(r);
    return sum / static_cast<double>(result.requests.size());
  };
  const auto ttft = [](const RequestOutcome& r) { return seconds(r.first - r.arrival); };
  const auto total = [](const RequestOutcome& r) { return seconds(r.last - r.arrival); };
  const double healthy_ttft = mean(ttft), healthy_total = mean(total);
  options.faults = {{.kind = Fault::Kind::slow, .worker = 0, .at = 1, .factor = 2}};
  EXPECT_GT(mean(ttft), 1.6 * healthy_ttft);
  options.faults = {{.kind = Fault::Kind::link, .worker = 1, .at = 1, .factor = 0.02}};
  EXPECT_GT(mean(total), 1.3 * healthy_total);
}

TEST(Simulation, a_full_pool_preempts_and_still_serves_everyone) {
  SimOptions options;
  options.workers = {worker("w", Role::both)};
  options.workers[0].info.total_blocks = 80;
  const Workload load = synthesize({.rate = 100,
                                    .count = 200,
                                    .tenants = {{.prompt_mean = 100, .prompt_variation = 0.2, .output_mean = 200, .output_variation = 0.2}}});
  const SimResult result = simulate(options, load);
  expect_all_finished(result);
  EXPECT_GT(result.workers[0].preemptions, 0U);
  EXPECT_LE(result.workers[0].peak_blocks, 80);
}

TEST(Simulation, shared_prefixes_are_computed_once) {
  SimOptions options;
  options.workers = {worker("w", Role::both)};
  const Workload load = synthesize({.rate = 5, .count = 100, .tenants = {{.prompt_mean = 600, .prompt_variation = 0.1, .shared_prefix = 400}}});
  const SimResult result = simulate(options, load);
  expect_all_finished(result);
  EXPECT_EQ(result.requests[0].cached, 0);
  EXPECT_GE(result.requests[99].cached, 384);
}

/// The coarse fidelity against the fine one. The tolerance is part of the contract: 15 % of mean TTFT, 10 % of mean
/// inter-token latency and 5 % of busy time, without prefix sharing and with room for everyone.
TEST(Simulation, fluid_workers_agree_with_stepping_ones) {
  for (const double rate : {20.0, 60.0, 90.0}) {
    SimOptions options = split_cluster(1, 2);
    options.coordinator.scheduling.policy = PlacementPolicy::least_loaded;  // both fidelities do the same work
    const Workload load = synthesize({.rate = rate, .count = 3000, .tenants = {{.prompt_mean = 700, .output_mean = 60}}});
    double ttft[2] = {}, itl[2] = {}, busy[2] = {};
    for (const Fidelity fidelity : {Fidelity::batch, Fidelity::fluid}) {
      options.fidelity = fidelity;
      const SimResult result = simulate(options, load);
      expect_all_finished(result);
      const auto at = static_cast<std::size_t>(fidelity);
      for (const RequestOutcome& r : result.requests) {
        ttft[at] += seconds(r.first - r.arrival);
        itl[at] += r.itl_s();
      }
      for (const WorkerStats& w : result.workers) busy[at] += seconds(w.busy);
    }
    EXPECT_NEAR(ttft[1] / ttft[0], 1.0, 0.15) << rate;
    EXPECT_NEAR(itl[1] / itl[0], 1.0, 0.10) << rate;
    EXPECT_NEAR(busy[1] / busy[0], 1.0, 0.05) << rate;
  }
}

/// A chat of 400 tokens, and beside it prompts whose chunks take 82 ms.
TEST(Simulation, chunks_shrink_to_keep_the_objective_of_those_that_decode) {
  SimOptions options;
  options.workers = {worker("w", Role::both)};
  options.workers[0].chunk_tokens = 8192;
  Workload load;
  load.requests = {{.arrival = 0, .prompt_tokens = 100, .output_tokens = 400}};
  for (int i = 1; i < 5; ++i) {
    load.requests.push_back({.arrival = i * 100 * kMillisecond, .prompt_tokens = 16'384, .output_tokens = 1});
  }
  const auto slowest_gap_s = [&](double itl_ms) {
    options.coordinator.classes = {ClassConfig{.name = "all", .slo = {.itl_ms = itl_ms}}};
    const SimResult result = simulate(options, load);
    expect_all_finished(result);
    return result.gaps.at(0).quantile(0.99);
  };
  EXPECT_GT(slowest_gap_s(0), 0.080);
  EXPECT_LT(slowest_gap_s(30), 0.031);
}

TEST(Simulation, overload_is_refused_and_counted) {
  SimOptions options = split_cluster(1, 1);
  options.coordinator.queue_requests = 5;
  options.coordinator.running_requests = 10;
  const SimResult result = simulate(options, chats(1000, 500));
  EXPECT_THAT(result.violations, IsEmpty());
  const auto failed = std::ranges::count(result.requests, RequestOutcome::End::failed, &RequestOutcome::end);
  EXPECT_GT(failed, 0);
  EXPECT_EQ(static_cast<std::uint64_t>(failed), result.coordinator.failed);
}

}  // namespace
}  // namespace baton::sim
