// Who is next, who is refused, which way workers for both roles lean, who holds which prefix.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <vector>

#include "cluster/links.h"
#include "cluster/membership.h"
#include "schedule/demand.h"
#include "schedule/fair_queue.h"
#include "schedule/pace.h"

namespace baton::schedule {
namespace {

constexpr TimePoint kStart{1h};

class Waiting {
 public:
  explicit Waiting(Duration ageing) : queue(ageing) {}
  Request& add(std::int32_t priority, std::uint64_t tenant, TimePoint at = kStart, std::size_t tokens = 100) {
    auto spec = std::make_shared<GenerationSpec>();
    spec->tokens.assign(tokens, 1);
    spec->sampling.max_tokens = 100;
    Request& request = *all.emplace_back(std::make_unique<Request>());
    request.id = {all.size()};
    request.order = all.size();
    request.spec = spec;
    request.priority = priority;
    request.tenant = tenant;
    request.arrived_at = at;
    queue.push(request);
    return request;
  }
  Request* take(TimePoint now = kStart, double output = 0) {
    Request* next = queue.front(now);
    if (next == nullptr) return nullptr;
    queue.erase(*next);
    queue.charge(*next, output);
    return next;
  }
  FairQueue queue;
  std::vector<std::unique_ptr<Request>> all;
};

}  // namespace

TEST(FairQueue, priority_goes_first_and_waiting_makes_up_for_it) {
  Waiting w(5s);
  Request& low = w.add(0, 1, kStart);
  Request& high = w.add(2, 1, kStart + 9s);
  EXPECT_EQ(w.queue.front(kStart + 9s), &high);
  EXPECT_EQ(w.queue.front(kStart + 10s), &low);  // two steps: equal, and it is the older
  EXPECT_EQ(w.queue.front(kStart - 1h), &high);  // a clock that jumped back
}

TEST(FairQueue, a_tenant_with_many_requests_gets_no_more_than_one_with_few) {
  Waiting w(0s);
  for (int i = 0; i < 100; ++i) w.add(0, 1);
  for (int i = 0; i < 20; ++i) w.add(0, 2);
  std::map<std::uint64_t, int> served;
  for (int i = 0; i < 40; ++i) ++served[w.take()->tenant];
  EXPECT_EQ(served[1], 20);
  EXPECT_EQ(served[2], 20);
}

TEST(FairQueue, tokens_are_what_is_shared_and_output_is_corrected_at_the_end) {
  Waiting w(0s);
  for (int i = 0; i < 10; ++i) w.add(0, 1, kStart, 1000);
  for (int i = 0; i < 100; ++i) w.add(0, 2, kStart, 100);
  std::map<std::uint64_t, int> served;
  for (int i = 0; i < 55; ++i) {
    Request* next = w.take(kStart, 50);
    ++served[next->tenant];
    if (next->tenant == 2) continue;
    next->delivered.assign(50, 1);
    w.queue.settle(*next);
  }
  EXPECT_NEAR(served[1] * 1100, served[2] * 200, 1100);
}

TEST(FairQueue, a_tenant_that_was_away_has_saved_nothing_up) {
  Waiting w(0s);
  w.add(0, 1);
  for (int i = 0; i < 50; ++i) w.add(0, 2);
  w.queue.settle(*w.take());
  for (int i = 0; i < 20; ++i) w.queue.settle(*w.take());
  for (int i = 0; i < 20; ++i) w.add(0, 1);
  int first = 0;
  for (int i = 0; i < 20; ++i) {
    Request* next = w.take();
    first += next->tenant == 1 ? 1 : 0;
    w.queue.settle(*next);
  }
  EXPECT_NEAR(first, 10, 1);
}

TEST(FairQueue, idle_tenants_beyond_the_bound_are_forgotten) {
  Waiting w(0s);
  for (std::uint64_t tenant = 0; tenant < 3 * FairQueue::kMaxTenants; ++tenant) {
    w.add(0, tenant);
    w.queue.settle(*w.take());
  }
  EXPECT_LE(w.queue.tenants(), FairQueue::kMaxTenants);
}

TEST(FairQueue, a_newcomer_counts_whom_it_would_wait_for) {
  Waiting w(0s);
  for (int i = 0; i < 100; ++i) w.add(0, 1);
  w.add(5, 3);
  EXPECT_EQ(w.queue.ahead_of(0, 1), 101U);
  EXPECT_EQ(w.queue.ahead_of(0, 2), 2U);  // one of tenant 1's, and the urgent one
  EXPECT_EQ(w.queue.ahead_of(9, 2), 0U);
}

TEST(Pace, measures_only_while_requests_wait_and_survives_clocks_that_jump) {
  Pace pace;
  for (int i = 0; i < 10; ++i) pace.dispatched(kStart + i * 10s, 0);
  EXPECT_FALSE(pace.interval_s());
  for (int i = 0; i < 10; ++i) pace.dispatched(kStart + 100s + i * 100ms, 5);
  ASSERT_TRUE(pace.interval_s());
  EXPECT_NEAR(*pace.interval_s(), 0.1, 0.01);
  pace.dispatched(kStart - 1h, 5);
  EXPECT_GE(*pace.interval_s(), 0);
}

TEST(Demand, a_flexible_worker_follows_the_busier_phase_once_and_back_only_after_a_while) {
  cluster::Membership members;
  const auto add = [&](std::uint32_t id, Role role) {
    cluster::WorkerInfo info;
    info.role = role;
    info.total_blocks = 100;
    members.up(WorkerId{id}, info);
  };
  add(1, Role::prefill);
  add(2, Role::decode);
  add(3, Role::both);
  Demand demand;
  TimePoint now = kStart;
  const auto work = [&](double prefill_s, double decode_s) {
    for (int i = 0; i < 60; ++i, now += 1s) demand.add(0, prefill_s, decode_s, now);
    return demand.review(members.snapshot(), now);
  };
  EXPECT_FALSE(work(0.5, 0.6));  // the both worker decodes already
  const auto flip = work(2.0, 0.3);
  ASSERT_TRUE(flip);
  EXPECT_EQ(flip->worker, WorkerId{3});
  EXPECT_EQ(flip->role, Role::prefill);
  members.steer(flip->worker, flip->role);
  EXPECT_EQ(members.snapshot().groups[0].prefill, 2);
  EXPECT_FALSE(demand.review(members.snapshot(), now));
  const auto load = demand.load(members.snapshot(), now);
  EXPECT_GT(load.golden_ratio, 1);
  EXPECT_GT(load.prefill, load.decode);
  for (int i = 0; i < 4; ++i) (void)work(0.1, 2.0);
  const auto back = work(0.1, 2.0);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->role, Role::decode);
}

TEST(Demand, groups_of_flexible_workers_alone_are_left_alone) {
  cluster::Membership members;
  for (std::uint32_t i = 0; i < 3; ++i) members.up(WorkerId{i}, {});
  Demand demand;
  demand.add(0, 1000, 1, kStart);
  EXPECT_FALSE(demand.review(members.snapshot(), kStart));
}

TEST(PrefixMap, holders_are_found_as_far_as_they_hold) {
  cluster::PrefixMap map;
  std::vector<std::uint64_t> prompt(100);
  for (std::size_t i = 0; i < prompt.size(); ++i) prompt[i] = i + 1;
  map.add(WorkerId{5}, std::span(prompt).first(3));
  map.add(WorkerId{2}, prompt);
  const auto hits = map.match(std::span(prompt).first(50));
  ASSERT_EQ(hits.size(), 2U);
  EXPECT_EQ(hits[0].worker, WorkerId{2});
  EXPECT_EQ(hits[0].blocks, 50);
  EXPECT_EQ(hits[1].blocks, 3);
  map.remove(WorkerId{2}, std::span(prompt).subspan(20));
  EXPECT_EQ(map.match(std::span(prompt).first(50))[0].blocks, 20);
  map.forget(WorkerId{2});
  map.forget(WorkerId{5});
  EXPECT_TRUE(map.match(prompt).empty());
  EXPECT_EQ(map.blocks(), 0U);
}

TEST(PrefixMap, a_worker_remembers_no_more_than_its_capacity_the_ends_of_old_prefixes_going_first) {
  cluster::PrefixMap map;
  map.set_capacity(WorkerId{1}, 64);
  std::vector<std::uint64_t> prompt(48);
  for (std::uint64_t round = 0; round < 100; ++round) {
    for (std::size_t i = 0; i < prompt.size(); ++i) prompt[i] = i < 8 ? i + 1 : round * 1000 + i;
    map.add(WorkerId{1}, prompt);
    EXPECT_LE(map.blocks(), 64U);
    EXPECT_EQ(map.match(prompt)[0].blocks, 48);
  }
}

TEST(LinkTable, distance_and_measurements) {
  cluster::Membership members;
  const auto add = [&](std::uint32_t id, const char* host, const char* rack, const char* zone) {
    cluster::WorkerInfo info;
    info.host_id = host;
    info.rack = rack;
    info.zone = zone;
    members.up(WorkerId{id}, info);
    return WorkerId{id};
  };
  const auto a = add(1, "h1", "r1", "z1"), b = add(2, "h1", "r1", "z1"), c = add(3, "h2", "r1", "z1");
  const auto d = add(4, "h3", "r1", "z2"), e = add(5, "h4", "", "");
  const auto far = [&](WorkerId x, WorkerId y) { return cluster::distance(*members.find(x), *members.find(y)); };
  EXPECT_EQ(far(a, b), cluster::Distance::host);
  EXPECT_EQ(far(a, c), cluster::Distance::rack);
  EXPECT_EQ(far(a, d), cluster::Distance::remote);
  EXPECT_EQ(far(a, e), cluster::Distance::zone);
  cluster::LinkTable links({perf::Link{1e9}, perf::Link{1e9}, perf::Link{1e9}, perf::Link{1e9}});
  for (int i = 0; i < 50; ++i) links.observe(cluster::Distance::rack, 1e9, 0.1);
  EXPECT_NEAR(links.at(cluster::Distance::rack).bytes_per_s, 1e10, 1e8);
  links.observe(cluster::Distance::zone, 10, 0.1);     // too small to tell
  links.observe(cluster::Distance::zone, 1e9, 0);      // impossible
  links.observe(cluster::Distance::zone, -1e9, -1);
  EXPECT_EQ(links.at(cluster::Distance::zone).bytes_per_s, 1e9);
}

}  // namespace baton::schedule
