#include "metrics/registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <thread>

namespace baton::metrics {

TEST(Metrics, exposition_is_exact_text_with_families_and_series_in_order) {
  Registry registry;
  auto& requests = registry.counters({.name = "baton_requests_total", .help = "Requests.", .labels = {"route", "code"}});
  requests.with({"/v1/chat", "200"}).add(3);
  requests.with({"/v1/chat", "429"}).add();
  registry.gauge("baton_queue", "Waiting requests.").set(-2.5);
  auto& ttft = registry.histogram("baton_ttft_seconds", "Time to first token.", {0.1, 0.5, 1});
  for (const double value : {0.05, 0.1, 0.3, 7.0}) ttft.observe(value);
  EXPECT_EQ(registry.expose(), R"(# HELP baton_queue Waiting requests.
# TYPE baton_queue gauge
baton_queue -2.5
# HELP baton_requests_total Requests.
# TYPE baton_requests_total counter
baton_requests_total{route="/v1/chat",code="200"} 3
baton_requests_total{route="/v1/chat",code="429"} 1
# HELP baton_ttft_seconds Time to first token.
# TYPE baton_ttft_seconds histogram
baton_ttft_seconds_bucket{le="0.1"} 2
baton_ttft_seconds_bucket{le="0.5"} 3
baton_ttft_seconds_bucket{le="1"} 3
baton_ttft_seconds_bucket{le="+Inf"} 4
baton_ttft_seconds_sum 7.45
baton_ttft_seconds_count 4
)");
}

TEST(Metrics, labelled_histograms_carry_their_labels_before_le) {
  Registry registry;
  registry.histograms({.name = "h", .help = "H", .labels = {"worker"}}, {1}).with({"d1"}).observe(0.5);
  EXPECT_EQ(registry.expose(), R"(# HELP h H
# TYPE h histogram
h_bucket{worker="d1",le="1"} 1
h_bucket{worker="d1",le="+Inf"} 1
h_sum{worker="d1"} 0.5
h_count{worker="d1"} 1
)");
}

TEST(Metrics, help_and_label_values_are_escaped) {
  Registry registry;
  registry.gauges({.name = "g", .help = "a\\b\n\"c\"", .labels = {"l"}}).with({"x\\y\n\"z\""}).set(1);
  EXPECT_EQ(registry.expose(), "# HELP g a\\\\b\\n\"c\"\n# TYPE g gauge\ng{l=\"x\\\\y\\n\\\"z\\\"\"} 1\n");
}

TEST(Metrics, special_numbers_are_spelled_as_prometheus_wants) {
  Registry registry;
  Gauge& gauge = registry.gauge("g", "G");
  const auto value = [&](double v) {
    gauge.set(v);
    const std::string text = registry.expose();
    return text.substr(text.rfind(' ') + 1);
  };
  EXPECT_EQ(value(std::numeric_limits<double>::infinity()), "+Inf\n");
  EXPECT_EQ(value(-std::numeric_limits<double>::infinity()), "-Inf\n");
  EXPECT_EQ(value(std::nan("")), "NaN\n");
  EXPECT_EQ(value(1e21), "1e+21\n");
  EXPECT_EQ(value(0.1), "0.1\n");
}

TEST(Metrics, a_family_without_series_is_left_out) {
  Registry registry;
  registry.counters({.name = "c", .help = "C", .labels = {"l"}});
  EXPECT_EQ(registry.expose(), "");
}

TEST(Metrics, asking_again_returns_the_same_series) {
  Registry registry;
  Counter& counter = registry.counter("c", "C");
  EXPECT_EQ(&registry.counter("c", "C"), &counter);
  auto& family = registry.gauges({.name = "g", .help = "G", .labels = {"l"}});
  EXPECT_EQ(&family.with({"a"}), &registry.gauges({.name = "g", .help = "G", .labels = {"l"}}).with({"a"}));
  EXPECT_NE(&family.with({"a"}), &family.with({"b"}));
}

TEST(Metrics, a_full_family_counts_newcomers_under_other) {
  Registry registry;
  auto& family = registry.counters({.name = "c", .help = "C", .labels = {"user", "op"}, .max_series = 2});
  family.with({"a", "x"}).add();
  family.with({"b", "x"}).add();
  family.with({"c", "x"}).add();
  family.with({"d", "y"}).add();
  family.with({"a", "x"}).add();
  EXPECT_EQ(family.with({"a", "x"}).value(), 2U);
  EXPECT_EQ(family.with({kOverflowLabel, kOverflowLabel}).value(), 2U);
}

TEST(Metrics, a_bucket_includes_its_upper_bound_and_the_last_takes_nan) {
  Registry registry;
  Histogram& h = registry.histogram("h", "H", {1, 2});
  for (const double value : {-5.0, 1.0, std::nextafter(1.0, 2.0), 2.0, 3.0, std::nan("")}) h.observe(value);
  EXPECT_EQ(h.bucket(0), 2U);
  EXPECT_EQ(h.bucket(1), 2U);
  EXPECT_EQ(h.bucket(2), 2U);
}

TEST(Metrics, exponential_bounds_multiply) {
  EXPECT_EQ(exponential_bounds(1, 2, 4), (std::vector<double>{1, 2, 4, 8}));
  EXPECT_TRUE(std::ranges::is_sorted(latency_bounds_s()));
}

TEST(Metrics, updates_from_many_threads_are_all_counted) {
  Registry registry;
  Counter& counter = registry.counter("c", "C");
  Gauge& gauge = registry.gauge("g", "G");
  Histogram& histogram = registry.histogram("h", "H", {0.5});
  auto& family = registry.counters({.name = "f", .help = "F", .labels = {"l"}, .max_series = 4});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) {
          counter.add();
          gauge.add(1);
          histogram.observe(1);
          family.with({std::to_string(i % 8)}).add();
          if (i % 100 == 0) (void)registry.expose();
        }
      });
    }
  }
  EXPECT_EQ(counter.value(), 4000U);
  EXPECT_EQ(gauge.value(), 4000.0);
  EXPECT_EQ(histogram.bucket(1), 4000U);
  EXPECT_EQ(histogram.sum(), 4000.0);
  std::uint64_t total = 0;
  family.each([&](auto, const Counter& series) { total += series.value(); });
  EXPECT_EQ(total, 4000U);
}

TEST(MetricsDeathTest, misuse_is_a_checked_defect) {
  Registry registry;
  registry.counter("c", "C");
  EXPECT_DEATH(registry.gauge("c", "C"), "");
  EXPECT_DEATH(registry.counters({.name = "c", .help = "C", .labels = {"l"}}), "");
  EXPECT_DEATH(registry.counter("1bad", "B"), "");
  EXPECT_DEATH(registry.counter("bad-name", "B"), "");
  EXPECT_DEATH(registry.counters({.name = "x", .help = "B", .labels = {"le"}}), "");
  EXPECT_DEATH(registry.histogram("h", "H", {2, 1}), "");
  EXPECT_DEATH(registry.counters({.name = "y", .help = "Y", .labels = {"l"}}).with({}), "");
}

}  // namespace baton::metrics
