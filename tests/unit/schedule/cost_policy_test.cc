#include "schedule/cost_policy.h"

#include <gtest/gtest.h>

#include <array>
#include <map>

#include "cluster/membership.h"
#include "perf/cost_model.h"
#include "schedule/explain_placement.h"

namespace baton::schedule {
namespace {

/// Workers of an 8B model; a factor of 1 is an A100-like GPU at a dollar an hour.
class PricedCluster {
 public:
  struct Kind {
    double speed = 1, dollars = 1;
    std::string gpu = "A100", rack = "", zone = "";
    bool spot = false;
  };
  WorkerId add(Role role, const Kind& kind) {
    cluster::WorkerInfo info;
    info.role = role;
    info.model_hash = "m";
    info.total_blocks = 20'000;
    info.max_batch = 32;
    info.max_context = 131'072;
    info.gpu_type = kind.gpu;
    info.rack = kind.rack;
    info.zone = kind.zone;
    info.spot = kind.spot;
    info.price_per_hour = kind.dollars;
    info.replica = cluster::neutral_replica();
    info.replica->flops *= kind.speed;
    info.replica->bandwidth *= kind.speed;
    const WorkerId id{count_++};
    members_.up(id, info);
    return id;
  }
  cluster::Membership& members() { return members_; }
  Ask ask(std::int64_t tokens, SloConfig slo = {}) {
    Ask ask{.tokens = tokens, .random = 42};
    ask.output_mean = 200;
    ask.output_p90 = 400;
    ask.slo = slo;
    ask.links = &links_;
    ask.hold_s = 1;
    return ask;
  }
  std::optional<Decision> place(const Ask& ask) { return CheapestPath{}(members_.snapshot(), ask); }
  void use(WorkerId worker, std::int32_t sequences, std::int64_t waiting_tokens = 0) {
    members_.report(worker, {.free_blocks = 20'000 - sequences * 64,
                             .running = sequences,
                             .waiting = waiting_tokens > 0 ? 4 : 0,
                             .waiting_prefill_tokens = waiting_tokens});
  }

 private:
  cluster::Membership members_;
  cluster::LinkTable links_{{perf::Link{20e9, 1e-5}, perf::Link{12e9, 2e-5}, perf::Link{6e9, 1e-4}, perf::Link{1e8, 1e-3}}};
  std::uint32_t count_ = 0;
};

}  // namespace

TEST(CostPolicy, among_workers_that_meet_the_objectives_the_cheapest_is_taken) {
  PricedCluster c;
  const WorkerId cheap_p = c.add(Role::prefill, {.speed = 1, .dollars = 1});
  c.add(Role::prefill, {.speed = 1, .dollars = 3});
  c.add(Role::decode, {.speed = 1, .dollars = 3});
  const WorkerId cheap_d = c.add(Role::decode, {.speed = 1, .dollars = 1});
  EXPECT_EQ(c.place(c.ask(2000, {.ttft_ms = 5000, .itl_ms = 200})), (Decision{Mode::split, cheap_p, cheap_d}));
}

TEST(CostPolicy, a_tight_objective_pays_for_the_fast_worker) {
  PricedCluster c;
  const WorkerId slow = c.add(Role::prefill, {.speed = 1, .dollars = 1});
  const WorkerId fast = c.add(Role::prefill, {.speed = 4, .dollars = 8});
  c.add(Role::decode, {});
  const double slow_ms = 1e3 * perf::prefill_s(c.members().find(slow)->replica, 8000, 0);
  EXPECT_EQ(c.place(c.ask(8000, {.ttft_ms = slow_ms * 3}))->prefill, slow);
  EXPECT_EQ(c.place(c.ask(8000, {.ttft_ms = slow_ms * 0.9}))->prefill, fast);
}

TEST(CostPolicy, if_nobody_meets_the_objectives_the_least_violation_wins_and_is_told) {
  PricedCluster c;
  c.add(Role::prefill, {.speed = 1, .dollars = 0.1});
  const WorkerId fast = c.add(Role::prefill, {.speed = 4, .dollars = 8});
  const WorkerId d = c.add(Role::decode, {});
  const auto decision = c.place(c.ask(8000, {.ttft_ms = 1}));
  EXPECT_EQ(decision, (Decision{Mode::split, fast, d, false}));
}

TEST(CostPolicy, a_cached_prefix_outweighs_a_dearer_worker_and_a_backlog_a_cheaper_one) {
  PricedCluster c;
  const WorkerId cheap = c.add(Role::prefill, {.dollars = 1});
  const WorkerId dear = c.add(Role::prefill, {.dollars = 2});
  c.add(Role::decode, {.dollars = 8});
  Ask ask = c.ask(8000, {.ttft_ms = 3000});
  EXPECT_EQ(c.place(ask)->prefill, cheap);
  const std::array hits{cluster::PrefixHit{dear, 480}};
  ask.cached = hits;
  EXPECT_EQ(c.place(ask)->prefill, dear);
  c.use(cheap, 4, 40'000);
  ask.cached = {};
  EXPECT_EQ(c.place(ask)->prefill, dear);
}

TEST(CostPolicy, a_prefix_on_the_decode_side_counts_too) {
  PricedCluster c;
  c.add(Role::prefill, {});
  c.add(Role::decode, {.zone = "a"});
  const WorkerId holder = c.add(Role::decode, {.zone = "a"});
  Ask ask = c.ask(30'000, {.ttft_ms = 30'000});
  const std::array hits{cluster::PrefixHit{holder, 1800}};
  ask.cached = hits;
  EXPECT_EQ(c.place(ask)->decode, holder);
}

TEST(CostPolicy, pairs_stay_in_a_rack_when_the_link_matters) {
  PricedCluster c;
  for (const char* zone : {"a", "b", "c", "d"}) {
    c.add(Role::prefill, {.zone = zone});
    c.add(Role::decode, {.zone = zone});
  }
  for (std::uint64_t i = 0; i < 50; ++i) {
    Ask ask = c.ask(8000, {.ttft_ms = 4000});
    ask.random = i * 0x9e3779b97f4a7c15ULL;
    const auto decision = c.place(ask);
    const auto& p = *c.members().find(decision->prefill);
    const auto& d = *c.members().find(decision->decode);
    EXPECT_EQ(p.zone, d.zone) << i;
  }
}

TEST(CostPolicy, spot_workers_are_taken_by_those_that_allow_them_and_sought_by_those_that_prefer_them) {
  PricedCluster c;
  const WorkerId spot = c.add(Role::both, {.dollars = 1.2, .spot = true});
  const WorkerId owned = c.add(Role::both, {.dollars = 1.5});
  Ask ask = c.ask(1000);
  ask.spot_losses_per_hour = 0.3;
  EXPECT_EQ(c.place(ask)->decode, spot);
  ask.spot_losses_per_hour = 3600;  // it will be gone before the request ends
  EXPECT_EQ(c.place(ask)->decode, owned);
  ask.prefer_spot = true;
  ask.spot_losses_per_hour = 1;
  EXPECT_EQ(c.place(ask)->decode, spot);
  ask.allow_spot = false;
  EXPECT_EQ(c.place(ask)->decode, owned);
  const std::array refusing{owned};
  ask.exclude = refusing;
  EXPECT_EQ(c.place(ask)->decode, spot);  // better than nothing
}

TEST(CostPolicy, gpu_preferences_are_worth_up_to_twice_the_price) {
  PricedCluster c;
  const WorkerId other = c.add(Role::both, {.dollars = 1, .gpu = "L4"});
  const WorkerId preferred = c.add(Role::both, {.dollars = 1.6, .gpu = "H100"});
  const WorkerId dear = c.add(Role::both, {.dollars = 2.5, .gpu = "B200"});
  Ask ask = c.ask(1000);
  EXPECT_EQ(c.place(ask)->decode, other);
  const std::array<float, 4> want_h100{2, 2, 1, 2};  // "", L4, H100, B200
  ask.prefer_decode = want_h100;
  EXPECT_EQ(c.place(ask)->decode, preferred);
  const std::array<float, 4> want_b200{2, 2, 2, 1};
  ask.prefer_decode = want_b200;
  EXPECT_NE(c.place(ask)->decode, dear);
}

TEST(CostPolicy, equals_share_the_load_and_no_shard_prefers_one) {
  PricedCluster c;
  c.add(Role::prefill, {});
  for (int i = 0; i < 8; ++i) c.add(Role::decode, {});
  std::map<WorkerId, int> hits;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    Ask ask = c.ask(500);
    ask.random = i * 0x9e3779b97f4a7c15ULL;
    ++hits[c.place(ask)->decode];
  }
  ASSERT_EQ(hits.size(), 8U);
  for (const auto& [worker, count] : hits) EXPECT_NEAR(count, 500, 120);
}

TEST(CostPolicy, full_workers_hold_requests_back_and_a_short_prompt_is_not_held_by_a_long_one) {
  PricedCluster c;
  const WorkerId p = c.add(Role::prefill, {});
  const WorkerId d = c.add(Role::decode, {});
  c.members().book(p, {.sequences = 1, .prefill_tokens = 120'000, .prefills = 1});
  EXPECT_FALSE(c.place(c.ask(100'000)));
  EXPECT_EQ(c.place(c.ask(500)), (Decision{Mode::split, p, d}));
  c.use(d, 40);
  EXPECT_FALSE(c.place(c.ask(500)));
}

TEST(CostPolicy, a_slow_link_makes_a_short_prompt_local_where_that_keeps_the_objective) {
  PricedCluster c;
  const WorkerId p = c.add(Role::prefill, {.zone = "far"});
  const WorkerId d = c.add(Role::decode, {.zone = "near"});
  Ask ask = c.ask(2000, {.ttft_ms = 700});
  EXPECT_EQ(c.place(ask), (Decision{Mode::local, d, d}));  // 2,000 tokens of KV take 2.6 s at 0.1 GB/s
  ask.slo = {.ttft_ms = 60'000};
  c.members().report(d, {.free_blocks = 10'000, .running = 20});
  EXPECT_EQ(c.place(ask)->mode, Mode::split) << p.value;
}

TEST(CostPolicy, a_short_answer_does_not_bar_a_prompt_from_an_idle_decode_worker) {
  PricedCluster c;
  const WorkerId p = c.add(Role::prefill, {});
  const WorkerId d = c.add(Role::decode, {});
  c.use(p, 4, 8000);
  c.use(d, 6);
  for (const double output : {10.0, 1000.0}) {
    Ask ask = c.ask(4000, {.ttft_ms = 800, .itl_ms = 100});
    ask.output_mean = output;
    EXPECT_EQ(c.place(ask), (Decision{Mode::local, d, d})) << output;
  }
}

TEST(CostPolicy, however_tight_the_time_to_the_first_token_the_emptier_of_two_decode_workers_is_taken) {
  PricedCluster c;
  c.add(Role::prefill, {.dollars = 0.2});
  const WorkerId fuller = c.add(Role::decode, {.dollars = 1});
  const WorkerId emptier = c.add(Role::decode, {.dollars = 1.2});
  c.use(fuller, 24);
  c.use(emptier, 2);
  const double own_ms = 1e3 * perf::prefill_s(c.members().find(WorkerId{0})->replica, 8000, 0);
  EXPECT_EQ(c.place(c.ask(8000, {.ttft_ms = own_ms * 1.1, .itl_ms = 500}))->decode, emptier);
}

TEST(CostPolicy, predicted_output_is_part_of_the_room) {
  PricedCluster c;
  c.add(Role::prefill, {});
  const WorkerId tight = c.add(Role::decode, {.dollars = 1});
  const WorkerId roomy = c.add(Role::decode, {.dollars = 50});
  c.members().report(tight, {.free_blocks = 80, .running = 20});  // 1,280 tokens
  EXPECT_EQ(c.place(c.ask(800))->decode, tight);   // with 400 of output
  EXPECT_EQ(c.place(c.ask(1000))->decode, roomy);
}

TEST(CostPolicy, a_worker_without_a_cost_model_is_estimated_and_corrected_by_its_steps) {
  cluster::Membership members;
  cluster::WorkerInfo info;
  info.role = Role::both;
  members.up(WorkerId{1}, info);
  const double neutral = members.find(WorkerId{1})->expected.step_s;
  EXPECT_GT(neutral, 0);
  EXPECT_FALSE(members.find(WorkerId{1})->is_modelled);
  cluster::WorkerLoad load;
  for (int i = 0; i < 64; ++i) {
    const double batch = 1 + i % 16, prompt = 64.0 * (i % 5);
    perf::StepSample sample{.rows = {.prefill_tokens = prompt, .batch = batch, .decode_context = 200}};
    sample.seconds = 5 * perf::step_s(cluster::neutral_replica(), sample.rows);
    load.samples.push_back(sample);
  }
  for (int i = 0; i < 10; ++i) members.report(WorkerId{1}, load);
  EXPECT_GT(members.find(WorkerId{1})->expected.step_s, 1.5 * neutral);
}

TEST(CostPolicy, contradictory_reports_stay_within_bounds) {
  PricedCluster c;
  const WorkerId p = c.add(Role::prefill, {});
  const WorkerId d = c.add(Role::decode, {});
  c.members().report(d, {.free_blocks = 2'000'000'000, .running = -5, .waiting = -7, .waiting_prefill_tokens = -1});
  EXPECT_EQ(c.members().find(d)->free_blocks(), 20'000);
  EXPECT_EQ(c.members().find(d)->sequences(), 0);
  c.members().report(p, {.free_blocks = -3, .waiting_prefill_tokens = std::int64_t{1} << 62});
  EXPECT_EQ(c.members().find(p)->free_blocks(), 0);
  Ask ask = c.ask(100);
  ask.hold_s = 0;
  EXPECT_TRUE(c.place(ask));
}

TEST(Explain, names_every_candidate_with_its_terms_and_says_why) {
  PricedCluster c;
  const WorkerId p = c.add(Role::prefill, {.dollars = 1});
  c.add(Role::prefill, {.dollars = 4});
  const WorkerId d = c.add(Role::decode, {});
  const Ask ask = c.ask(1000, {.ttft_ms = 2000, .itl_ms = 100});
  const auto decision = c.place(ask);
  ASSERT_EQ(decision, (Decision{Mode::split, p, d}));
  Explanation why = explain_placement(c.members().snapshot(), ask, *decision,
                                      [](WorkerId id) { return "w" + std::to_string(id.value); });
  ASSERT_EQ(why.prefill.size(), 2U);
  ASSERT_EQ(why.decode.size(), 1U);
  EXPECT_EQ(why.paths.size(), 2U);  // split over the better P, and local
  EXPECT_EQ(why.chosen.prefill, "w0");
  EXPECT_NEAR(why.chosen.ttft_s, why.prefill[0].queue_s + why.prefill[0].prefill_s + why.chosen.transfer_s, 1e-9);
  EXPECT_EQ(why.reason, "w0 prefills, w2 decodes: the lowest price of those that meet the objectives.");
  why.class_name = why.asked_class = "a \"class\"\n";
  EXPECT_NE(to_text(why).find("> split w0"), std::string::npos);
  const std::string json = to_json(why);
  EXPECT_NE(json.find(R"("class":"a \"class\"\u000a")"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("chosen":{"mode":"split","prefill":"w0","decode":"w2")"), std::string::npos) << json;
  EXPECT_EQ(std::ranges::count(json, '{'), std::ranges::count(json, '}'));
}

}  // namespace baton::schedule
