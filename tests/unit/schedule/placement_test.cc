#include "schedule/placement.h"

#include <gtest/gtest.h>

#include <array>
#include <map>

#include "cluster/membership.h"

namespace baton::schedule {
namespace {

/// Workers are numbered from 0 in the order they are added.
class Cluster {
 public:
  WorkerId add(Role role, const std::string& model = "m") {
    cluster::WorkerInfo info;
    info.role = role;
    info.model_hash = model;
    info.total_blocks = 1000;
    info.max_batch = 10;
    info.max_context = 10'000;
    const WorkerId id{count_++};
    members_.up(id, info);
    return id;
  }
  cluster::Membership& members() { return members_; }
  std::optional<Decision> least_loaded(const Ask& ask) { return LeastLoaded{}(members_.snapshot(), ask); }
  std::optional<Decision> round_robin(const Ask& ask) { return RoundRobin{}(members_.snapshot(), ask); }

 private:
  cluster::Membership members_;
  std::uint32_t count_ = 0;
};

Decision split(WorkerId p, WorkerId d) { return {Mode::split, p, d}; }
Decision local(WorkerId w) { return {Mode::local, w, w}; }

}  // namespace

TEST(Placement, nobody_serves_an_empty_cluster) {
  Cluster c;
  EXPECT_FALSE(c.least_loaded({.tokens = 10}));
  EXPECT_FALSE(c.round_robin({.tokens = 10}));
}

TEST(Placement, ties_are_spread_evenly_by_the_random_bits) {
  Cluster c;
  const WorkerId p = c.add(Role::prefill);
  for (int i = 0; i < 8; ++i) c.add(Role::decode);
  std::map<WorkerId, int> hits;
  for (std::uint64_t i = 0; i < 8000; ++i) {
    const auto decision = c.least_loaded({.tokens = 10, .random = i * 0x9e3779b97f4a7c15ULL});
    ASSERT_TRUE(decision);
    EXPECT_EQ(decision->prefill, p);
    ++hits[decision->decode];
  }
  EXPECT_EQ(hits.size(), 8U);
  for (const auto& [worker, count] : hits) EXPECT_NEAR(count, 1000, 150);
}

TEST(Placement, of_two_drawn_equals_the_roomier_is_taken) {
  Cluster c;
  c.add(Role::prefill);
  const WorkerId tight = c.add(Role::decode);
  const WorkerId roomy = c.add(Role::decode);
  c.members().report(tight, {.free_blocks = 100});
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_EQ(c.least_loaded({.tokens = 10, .random = i})->decode, roomy);
}

TEST(Placement, a_decode_worker_without_room_comes_last) {
  Cluster c;
  c.add(Role::prefill);
  const WorkerId full = c.add(Role::decode);
  const WorkerId busy = c.add(Role::decode);
  c.members().report(full, {.free_blocks = 0});
  c.members().report(busy, {.free_blocks = 500, .running = 9});
  EXPECT_EQ(c.least_loaded({.tokens = 10})->decode, busy);
}

TEST(Placement, load_counts_relative_to_the_batch) {
  Cluster c;
  c.add(Role::prefill);
  const WorkerId small = c.add(Role::decode);
  cluster::WorkerInfo info = *c.members().info(small);
  info.max_batch = 100;
  const WorkerId big{50};
  c.members().up(big, info);
  c.members().report(small, {.free_blocks = 1000, .running = 5});
  c.members().report(big, {.free_blocks = 1000, .running = 20});
  EXPECT_EQ(c.least_loaded({.tokens = 10})->decode, big);
}

TEST(Placement, avoided_workers_are_taken_only_if_nobody_else_can) {
  Cluster c;
  const WorkerId p = c.add(Role::prefill);
  const WorkerId d1 = c.add(Role::decode);
  const WorkerId d2 = c.add(Role::decode);
  c.members().report(d2, {.free_blocks = 0, .running = 10});
  EXPECT_EQ(c.least_loaded({.tokens = 10, .avoid = std::array{d1, p}}), split(p, d2));
  EXPECT_EQ(c.round_robin({.tokens = 10, .avoid = std::array{d1, p}, .turn = 1}), split(p, d2));
  EXPECT_EQ(c.least_loaded({.tokens = 10, .avoid = std::array{d1, d2, p}}), split(p, d1));
}

TEST(Placement, excluded_workers_are_never_taken) {
  Cluster c;
  const WorkerId p = c.add(Role::prefill);
  const WorkerId d = c.add(Role::decode);
  EXPECT_FALSE(c.least_loaded({.tokens = 10, .exclude = std::array{d}}));
  // The prefill worker is there, only refusing: the decode worker does not take its part over.
  EXPECT_FALSE(c.least_loaded({.tokens = 10, .exclude = std::array{p}}));
}

TEST(Placement, a_prompt_only_the_decode_side_can_hold_is_served_there) {
  Cluster c;
  const WorkerId p = c.add(Role::prefill);
  const WorkerId d = c.add(Role::decode);
  cluster::WorkerInfo small = *c.members().info(p);
  small.max_context = 100;
  c.members().up(p, small);
  EXPECT_EQ(c.least_loaded({.tokens = 100}), split(p, d));
  EXPECT_EQ(c.least_loaded({.tokens = 101}), local(d));
  EXPECT_FALSE(c.least_loaded({.tokens = 101, .role_fallback = false}));
}

TEST(Placement, workers_for_both_roles_stay_whole_unless_there_are_prefill_workers) {
  Cluster c;
  const WorkerId both = c.add(Role::both);
  EXPECT_EQ(c.least_loaded({.tokens = 10}), local(both));
  const WorkerId p = c.add(Role::prefill);
  EXPECT_EQ(c.least_loaded({.tokens = 10}), split(p, both));
  EXPECT_EQ(c.least_loaded({.tokens = 10, .local_only = true}), local(both));
}

TEST(Placement, a_worker_for_both_roles_prefills_for_dedicated_decode_workers) {
  Cluster c;
  const WorkerId both = c.add(Role::both);
  const WorkerId d = c.add(Role::decode);
  c.members().report(both, {.free_blocks = 1000, .running = 5});
  EXPECT_EQ(c.least_loaded({.tokens = 10}), split(both, d));
}

TEST(Placement, pairs_share_a_model) {
  Cluster c;
  c.add(Role::prefill, "x");
  const WorkerId p = c.add(Role::prefill, "y");
  const WorkerId d = c.add(Role::decode, "y");
  c.members().report(p, {.free_blocks = 1000, .waiting_prefill_tokens = 100'000});
  EXPECT_EQ(c.least_loaded({.tokens = 10, .role_fallback = false}), split(p, d));
  EXPECT_EQ(c.round_robin({.tokens = 10, .role_fallback = false, .turn = 3}), split(p, d));
}

TEST(Placement, a_prefill_worker_that_has_the_prompt_cached_is_worth_some_backlog) {
  Cluster c;
  const WorkerId cached = c.add(Role::prefill);
  const WorkerId idle = c.add(Role::prefill);
  const WorkerId d = c.add(Role::decode);
  c.members().report(cached, {.free_blocks = 1000, .waiting_prefill_tokens = 400});
  EXPECT_EQ(c.least_loaded({.tokens = 500, .cached_on = cached}), split(cached, d));
  EXPECT_EQ(c.least_loaded({.tokens = 300, .cached_on = cached}), split(idle, d));
}

TEST(Placement, round_robin_takes_turns_on_both_sides) {
  Cluster c;
  const WorkerId p0 = c.add(Role::prefill);
  const WorkerId p1 = c.add(Role::prefill);
  const WorkerId d0 = c.add(Role::decode);
  const WorkerId d1 = c.add(Role::decode);
  const WorkerId d2 = c.add(Role::decode);
  const std::array expected{split(p0, d0), split(p1, d1), split(p0, d2), split(p1, d0)};
  for (std::uint64_t turn = 0; turn < expected.size(); ++turn) {
    EXPECT_EQ(c.round_robin({.tokens = 10, .turn = turn}), expected[turn]);
  }
}

TEST(Placement, the_configured_policy_is_made) {
  EXPECT_TRUE(std::holds_alternative<RoundRobin>(make_policy(PlacementPolicy::round_robin)));
  EXPECT_TRUE(std::holds_alternative<LeastLoaded>(make_policy(PlacementPolicy::least_loaded)));
}

}  // namespace baton::schedule
