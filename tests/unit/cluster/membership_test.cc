#include "cluster/membership.h"

#include <gtest/gtest.h>

namespace baton::cluster {
namespace {

WorkerInfo info(Role role, const std::string& model = "m") {
  WorkerInfo out;
  out.name = "w";
  out.role = role;
  out.model_hash = model;
  out.total_blocks = 100;
  out.max_context = 4096;
  return out;
}

constexpr WorkerId kA{7}, kB{3};

}  // namespace

TEST(Membership, rows_are_ordered_by_id_and_found_by_it) {
  Membership members;
  members.up(kA, info(Role::prefill));
  members.connecting(kB);
  ASSERT_EQ(members.snapshot().workers.size(), 2U);
  EXPECT_EQ(members.snapshot().workers[0].id, kB);
  EXPECT_EQ(members.find(kA)->role, Role::prefill);
  EXPECT_EQ(members.find(WorkerId{5}), nullptr);
  EXPECT_EQ(members.info(kB), nullptr);
  EXPECT_EQ(members.info(kA)->name, "w");
}

TEST(Membership, only_workers_that_are_up_can_be_placed_on) {
  Membership members;
  members.connecting(kA);
  EXPECT_FALSE(members.find(kA)->placeable());
  members.up(kA, info(Role::both));
  EXPECT_TRUE(members.find(kA)->placeable());
  members.draining(kA);
  EXPECT_EQ(members.find(kA)->state, WorkerState::draining);
  EXPECT_FALSE(members.find(kA)->placeable());
  members.down(kA);
  EXPECT_EQ(members.find(kA)->state, WorkerState::down);
  members.draining(kA);
  EXPECT_EQ(members.find(kA)->state, WorkerState::down);
  members.connecting(kA);
  EXPECT_EQ(members.find(kA)->state, WorkerState::connecting);
  members.up(kA, info(Role::both));
  members.connecting(kA);
  EXPECT_TRUE(members.find(kA)->placeable());
}

TEST(Membership, groups_count_the_placeable_workers_that_can_pair) {
  Membership members;
  members.up(kA, info(Role::prefill));
  members.up(kB, info(Role::decode));
  members.up(WorkerId{9}, info(Role::decode, "other"));
  ASSERT_EQ(members.snapshot().groups.size(), 2U);
  EXPECT_EQ(members.find(kA)->group, members.find(kB)->group);
  EXPECT_NE(members.find(kA)->group, members.find(WorkerId{9})->group);
  const auto& group = members.snapshot().groups[members.find(kA)->group];
  EXPECT_EQ(group.prefill, 1);
  EXPECT_EQ(group.decode, 1);
  members.draining(kB);
  members.down(kA);
  EXPECT_EQ(group.prefill, 0);
  EXPECT_EQ(group.decode, 0);
}

TEST(Membership, a_worker_that_returns_with_another_role_is_counted_anew) {
  Membership members;
  members.up(kA, info(Role::prefill));
  members.up(kA, info(Role::both));
  EXPECT_EQ(members.snapshot().groups[0].prefill, 0);
  EXPECT_EQ(members.snapshot().groups[0].both, 1);
}

TEST(Membership, context_is_bounded_by_the_pool_and_zero_means_unknown) {
  Membership members;
  WorkerInfo small = info(Role::both);
  small.total_blocks = 10;
  members.up(kA, small);
  EXPECT_EQ(members.find(kA)->max_context, 160);
  small.max_context = 0;
  members.up(kA, small);
  EXPECT_EQ(members.find(kA)->max_context, 160);
  small.total_blocks = 0;
  members.up(kA, small);
  EXPECT_TRUE(members.find(kA)->fits_context(1'000'000));
  EXPECT_TRUE(members.find(kA)->has_room(1'000'000));
}

TEST(Membership, estimates_are_the_report_plus_what_was_booked_since) {
  Membership members;
  members.up(kA, info(Role::both));
  EXPECT_EQ(members.find(kA)->free_blocks(), 100);
  members.book(kA, {1, 10, 160});
  members.report(kA, {.free_blocks = 50, .running = 4, .waiting = 1, .waiting_prefill_tokens = 1000});
  EXPECT_EQ(members.find(kA)->sequences(), 5);
  EXPECT_EQ(members.find(kA)->free_blocks(), 50);
  EXPECT_EQ(members.find(kA)->prefill_tokens(), 1000);
  members.book(kA, {2, 20, 300});
  EXPECT_EQ(members.find(kA)->sequences(), 7);
  EXPECT_EQ(members.find(kA)->free_blocks(), 30);
  EXPECT_EQ(members.find(kA)->prefill_tokens(), 1300);
  members.release(kA, {1, 10, 160});
  EXPECT_EQ(members.find(kA)->sequences(), 6);
  EXPECT_EQ(members.find(kA)->free_blocks(), 40);
}

TEST(Membership, a_report_from_before_our_requests_arrived_does_not_hide_them) {
  Membership members;
  members.up(kA, info(Role::both));
  members.book(kA, {3, 30, 480});
  members.report(kA, {.free_blocks = 100});
  EXPECT_EQ(members.find(kA)->sequences(), 3);
  EXPECT_EQ(members.find(kA)->free_blocks(), 70);
  EXPECT_EQ(members.find(kA)->prefill_tokens(), 480);
}

TEST(Membership, a_refusal_lowers_the_estimate_until_something_changes) {
  Membership members;
  members.up(kA, info(Role::both));
  members.book(kA, {1, 5, 0});
  members.report(kA, {.free_blocks = 50});
  members.refused(kA, 160);
  EXPECT_FALSE(members.find(kA)->has_room(160));
  EXPECT_TRUE(members.find(kA)->has_room(159));
  members.release(kA, {1, 5, 0});
  EXPECT_TRUE(members.find(kA)->has_room(160));
  members.refused(kA, 160);
  members.refused(kA, 1600);
  EXPECT_FALSE(members.find(kA)->has_room(160));
  members.report(kA, {.free_blocks = 50});
  EXPECT_TRUE(members.find(kA)->has_room(160));
}

TEST(Membership, events_about_strangers_and_the_dead_change_nothing) {
  Membership members;
  members.down(kA);
  members.draining(kA);
  members.report(kA, {});
  members.refused(kA, 1);
  EXPECT_TRUE(members.snapshot().workers.empty());
  members.up(kA, info(Role::both));
  members.down(kA);
  members.report(kA, {.free_blocks = 1});
  EXPECT_EQ(members.find(kA)->reported.free_blocks, 100);
}

TEST(Membership, a_copied_snapshot_stays_as_it_is) {
  Membership members;
  members.up(kA, info(Role::both));
  const Snapshot before = members.snapshot();
  members.down(kA);
  EXPECT_TRUE(before.find(kA)->placeable());
}

TEST(MembershipDeathTest, bookings_must_balance) {
  Membership members;
  members.up(kA, info(Role::both));
  EXPECT_DEATH(members.release(kA, {1, 0, 0}), "");
  members.book(kA, {1, 0, 0});
  EXPECT_DEATH(members.down(kA), "");
}

}  // namespace baton::cluster
