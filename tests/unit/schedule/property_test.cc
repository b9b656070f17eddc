#include <gtest/gtest.h>

#include "support/sim_workers.h"

namespace baton::testing {
namespace {

SimReport run(const SimOptions& options) {
  SimReport report = SimCluster(options).run();
  for (const std::string& what : report.violations) ADD_FAILURE() << what << " (seed " << options.seed << ")";
  EXPECT_EQ(report.finished + report.failed + report.abandoned, options.requests) << "seed " << options.seed;
  return report;
}

/// Sanitizers slow every step down: fewer then.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kSeeds = 24, kLeastEvents = 100'000;
#else
constexpr std::uint64_t kSeeds = 144, kLeastEvents = 1'000'000;
#endif

/// A different cluster and different troubles for every seed.
SimOptions troubled(std::uint64_t seed) {
  SimOptions o;
  o.seed = seed;
  o.prefill = static_cast<int>(seed % 4);
  o.decode = static_cast<int>(seed / 4 % 4);
  o.both = o.prefill + o.decode == 0 ? 3 : static_cast<int>(seed / 16 % 3);
  o.requests = 400;
  o.arrival_gap = std::chrono::microseconds(5'000 + 1'000 * (seed % 20));
  o.worker_blocks = seed % 3 == 0 ? 40 : 200;
  o.fail_chance = 0.01 * static_cast<double>(seed % 5);
  o.refuse_chance = 0.02 * static_cast<double>(seed % 3);
  o.repeat_chance = 0.05;
  o.mute_chance = seed % 8 == 3 ? 0.01 : 0.0;
  o.abandon_chance = 0.05;
  o.mean_life = std::chrono::milliseconds(seed % 2 == 0 ? 2'000 : 500);
  o.request_timeout = std::chrono::milliseconds(seed % 7 == 0 ? 300 : 60'000);
  o.coordinator.running_requests = seed % 5 == 0 ? 10 : 4096;
  o.coordinator.queue_requests = seed % 11 == 0 ? 20 : 1024;
  o.coordinator.queue_timeout = std::chrono::milliseconds(seed % 13 == 0 ? 200 : 60'000);
  o.coordinator.scheduling.policy = static_cast<PlacementPolicy>(seed % 5);
  o.coordinator.scheduling.local_below_tokens = seed % 6 == 0 ? 50 : 0;
  o.coordinator.faults.role_fallback = seed % 4 != 1;
  o.coordinator.faults.max_attempts = seed % 3 == 1 ? 2 : 6;
  o.coordinator.seed = seed;
  return o;
}

}  // namespace

TEST(Property, an_undisturbed_cluster_finishes_every_request) {
  SimOptions options;
  options.requests = 2'000;
  options.arrival_gap = std::chrono::microseconds(10'000);
  options.coordinator.scheduling.policy = PlacementPolicy::least_loaded;  // which always splits
  const SimReport report = run(options);
  EXPECT_EQ(report.finished, options.requests);
  EXPECT_EQ(report.stats.retries + report.stats.replays, 0U);
  EXPECT_EQ(report.stats.split, 2'000U);
}

TEST(Property, an_overloaded_cluster_keeps_requests_waiting_and_finishes_them_all) {
  SimOptions options;
  options.requests = 1'000;
  options.arrival_gap = std::chrono::microseconds(500);
  options.worker_blocks = 30;
  options.request_timeout = std::chrono::milliseconds(3'600'000);
  options.coordinator.queue_timeout = std::chrono::milliseconds(3'600'000);
  options.coordinator.scheduling.shed_ttft_factor = 0;
  const SimReport report = run(options);
  EXPECT_EQ(report.finished, options.requests);
}

TEST(Property, rare_deaths_lose_no_request) {
  int failed = 0;
  std::uint64_t moved = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SimOptions options;
    options.seed = seed;
    options.mean_life = std::chrono::milliseconds(4'000);
    options.coordinator.faults.max_attempts = 10;
    options.coordinator.restart_grace = std::chrono::milliseconds(60'000);
    const SimReport report = run(options);
    failed += report.failed;
    moved += report.stats.replays + report.stats.retries;
  }
  EXPECT_GT(moved, 20U);
  EXPECT_EQ(failed, 0);
}

TEST(Property, whatever_happens_every_request_ends_once_with_its_own_tokens) {
  std::uint64_t events = 0;
  std::map<Errc, int> errors;
  SimReport total;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const SimReport report = run(troubled(seed));
    events += report.events;
    total.finished += report.finished;
    total.failed += report.failed;
    for (const auto& [code, count] : report.errors) errors[code] += count;
    if (HasFailure()) break;
  }
  EXPECT_GE(events, kLeastEvents);
  // Clusters that lack a role and may not fall back refuse everything; the others serve nearly everything.
  EXPECT_GT(total.finished, 4 * total.failed);
  EXPECT_GT(errors[Errc::no_workers], 0);
  EXPECT_GT(errors[Errc::timeout], 0);
}

TEST(Property, the_same_seed_gives_the_same_run) {
  const SimReport a = run(troubled(21));
  const SimReport b = run(troubled(21));
  EXPECT_EQ(a.events, b.events);
  EXPECT_EQ(a.end, b.end);
  EXPECT_EQ(a.finished, b.finished);
  EXPECT_EQ(a.stats.split, b.stats.split);
}

}  // namespace baton::testing
