#include "classify/length.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include "classify/histogram.h"
#include "classify/prior.h"

namespace {
std::size_t allocations = 0;
}  // namespace

// Counts every allocation of this test program.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes > 0 ? bytes : 1)) return memory;
  throw std::bad_alloc();
}
// The nothrow form too: std::stable_sort takes its buffer by that one and gives it back by plain delete.
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(bytes > 0 ? bytes : 1);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace baton::classify {
namespace {

/// Uniform in [0, 1), the same on every run.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : state_(seed) {}
  std::uint64_t word() { return mix64(state_ += 0x9e3779b97f4a7c15ULL); }
  double next() { return static_cast<double>(word() >> 11) * 0x1p-53; }
  /// Log-logistic of shape 2, in whole tokens from 1.
  std::int64_t length(double median) {
    const double u = next();
    return std::max<std::int64_t>(1, std::llround(median * std::sqrt(u / (1 - u))));
  }

 private:
  std::uint64_t state_;
};

Features request(std::int64_t prompt = 500, std::int64_t max_tokens = 4096) {
  Features out;
  out.prompt_tokens = prompt;
  out.max_tokens = max_tokens;
  out.model = 1;
  return out;
}

void expect_bounded(const LengthForecast& forecast, std::int64_t max_tokens) {
  const auto limit = static_cast<double>(std::max<std::int64_t>(max_tokens, 1));
  for (const double value : {forecast.mean, forecast.p50, forecast.p90}) {
    EXPECT_GE(value, 1);
    EXPECT_LE(value, limit);
  }
  EXPECT_LE(forecast.p50, forecast.p90);
}

TEST(Histogram, edges_ascend_and_every_count_falls_between_its_edges) {
  for (std::size_t bin = 0; bin < kBins; ++bin) EXPECT_LT(kEdges[bin], kEdges[bin + 1]);
  for (std::int64_t tokens = 1; tokens < kEdges[kBins]; tokens += 1 + tokens / 50) {
    const std::size_t bin = bin_of(tokens);
    EXPECT_GE(tokens, kEdges[bin]);
    EXPECT_LT(tokens, kEdges[bin + 1]);
  }
  EXPECT_EQ(bin_of(0), 0U);
  EXPECT_EQ(bin_of(std::numeric_limits<std::int64_t>::min()), 0U);
  EXPECT_EQ(bin_of(std::numeric_limits<std::int64_t>::max()), kBins - 1);
}

TEST(Histogram, quantiles_and_mean_are_those_of_the_sample_to_half_a_bin) {
  Draws draws(1);
  DecayingHistogram histogram;
  std::vector<double> sample;
  for (int i = 0; i < 20'000; ++i) {
    const std::int64_t tokens = std::min<std::int64_t>(draws.length(150), 3000);
    histogram.add(bin_of(tokens), 1.0F);
    sample.push_back(static_cast<double>(tokens));
  }
  std::ranges::sort(sample);
  const Mass mass = histogram.mixed_with(Mass{}, 0);
  const Summary summary = summarize(mass, 3000);
  EXPECT_NEAR(summary.p50, sample[10'000], 0.03 * sample[10'000]);
  EXPECT_NEAR(summary.p90, sample[18'000], 0.03 * sample[18'000]);
  double mean = 0;
  for (const double value : sample) mean += value / 20'000;
  EXPECT_NEAR(summary.mean, mean, 0.03 * mean);
}

TEST(Histogram, forgets_by_its_half_life_and_never_overflows) {
  DecayingHistogram histogram;
  const auto growth = static_cast<float>(std::exp2(1.0 / 10));
  for (int i = 0; i < 100'000; ++i) histogram.add(bin_of(10), growth);
  EXPECT_NEAR(histogram.weight(), 1 / (1 - std::exp2(-0.1)), 0.1);
  for (int i = 0; i < 10; ++i) histogram.add(bin_of(1000), growth);
  const Mass mass = histogram.mixed_with(Mass{}, 0);
  EXPECT_NEAR(static_cast<double>(mass[bin_of(10)]), 0.5, 0.01);
  EXPECT_NEAR(static_cast<double>(mass[bin_of(1000)]), 0.5, 0.01);
  EXPECT_EQ(histogram.count(), 100'010U);
}

TEST(Prior, is_a_distribution_around_its_median) {
  const Features features = request();
  const Mass mass = prior(features);
  float total = 0;
  for (const float part : mass) {
    EXPECT_GE(part, 0.0F);
    total += part;
  }
  EXPECT_NEAR(total, 1.0F, 1e-5F);
  const Summary summary = summarize(mass, 1 << 17);
  EXPECT_NEAR(summary.p50, prior_median(features), 0.05 * prior_median(features));
  EXPECT_NEAR(summary.p90, 3 * prior_median(features), 0.2 * prior_median(features));
}

TEST(Prior, is_shorter_for_what_is_known_to_be_short) {
  const double plain = prior_median(request());
  Features features = request();
  features.constrained = true;
  EXPECT_LT(prior_median(features), plain);
  features = request();
  features.has_tools = true;
  EXPECT_LT(prior_median(features), plain);
  features = request();
  features.has_stop = true;
  EXPECT_LT(prior_median(features), plain);
  features = request();
  features.chat = false;
  EXPECT_LT(prior_median(features), plain);
  EXPECT_LT(prior_median(request(20'000)), plain);
  features = request(500, 20);
  EXPECT_EQ(prior_median(features), plain);  // what the context leaves says nothing
  features.max_tokens_given = true;
  EXPECT_EQ(prior_median(features), 10);
}

TEST(Prior, of_a_named_class_lies_in_its_output_range) {
  Features features = request();
  features.named_output = {.min = 0, .max = 50};
  EXPECT_LT(prior_median(features), 50);
  features.named_output = {.min = 1000, .max = 4000};
  EXPECT_EQ(prior_median(features), 2000);
  features.named_output = {.min = 300, .max = 0};
  EXPECT_EQ(prior_median(features), 600);
}

TEST(LengthPredictor, starts_from_the_prior_and_says_so) {
  const LengthPredictor predictor({});
  const LengthForecast forecast = predictor.forecast(request());
  EXPECT_EQ(forecast.samples, 0U);
  EXPECT_NEAR(forecast.p50, prior_median(request()), 0.05 * prior_median(request()));
  EXPECT_EQ(predictor.keys(), 0U);
}

TEST(LengthPredictor, learns_the_distribution_it_is_shown) {
  LengthPredictor predictor({});
  Draws draws(2);
  for (int i = 0; i < 2000; ++i) predictor.observe(request(), 0, draws.length(40), false);
  const LengthForecast forecast = predictor.forecast(request());
  EXPECT_NEAR(forecast.p50, 40, 8);
  EXPECT_NEAR(forecast.p90, 120, 24);
  EXPECT_EQ(forecast.samples, 2000U);
}

TEST(LengthPredictor, tells_tenants_templates_and_prompt_lengths_apart) {
  LengthPredictor predictor({});
  Features alice = request();
  alice.tenant = 5;
  Features bob = request();
  bob.tenant = 6;
  Features templated = alice;
  templated.template_prefix = 9;
  Features longer = alice;
  longer.prompt_tokens = 8000;
  Features named = alice;
  named.named_class = "batch";
  for (int i = 0; i < 300; ++i) {
    predictor.observe(alice, 0, 20, false);
    predictor.observe(bob, 0, 1000, false);
    predictor.observe(templated, 0, 150, false);
    predictor.observe(longer, 0, 5, false);
    predictor.observe(named, 0, 2500, false);
  }
  EXPECT_NEAR(predictor.forecast(alice).p50, 20, 3);
  EXPECT_NEAR(predictor.forecast(bob).p50, 1000, 100);
  EXPECT_NEAR(predictor.forecast(templated).p50, 150, 15);
  EXPECT_NEAR(predictor.forecast(longer).p50, 5, 1);
  EXPECT_NEAR(predictor.forecast(named).p50, 2500, 250);
}

TEST(LengthPredictor, falls_back_to_coarser_keys_for_what_it_has_not_seen) {
  LengthPredictor predictor({});
  Features known = request();
  known.tenant = 5;
  known.template_prefix = 9;
  for (int i = 0; i < 300; ++i) predictor.observe(known, 0, 20, false);
  Features stranger = request(3000);
  stranger.tenant = 77;
  stranger.template_prefix = 78;
  EXPECT_NEAR(predictor.forecast(stranger).p50, 20, 3);  // the model's habit
  EXPECT_EQ(predictor.forecast(stranger).samples, 300U);
  stranger.model = 2;
  EXPECT_EQ(predictor.forecast(stranger).samples, 0U);
  // One observation of its own moves the forecast but does not decide it.
  stranger.model = 1;
  predictor.observe(stranger, 0, 2000, false);
  EXPECT_LT(predictor.forecast(stranger).p50, 500);
  EXPECT_GT(predictor.forecast(stranger).mean, 20);
}

TEST(LengthPredictor, follows_a_shift_within_two_half_lives) {
  LengthPredictor predictor({});
  for (int i = 0; i < 20'000; ++i) predictor.observe(request(), 0, 50, false);
  for (int i = 0; i < 500; ++i) predictor.observe(request(), 0, 900, false);
  const double bin = kEdges[bin_of(900) + 1] - kEdges[bin_of(900)];
  EXPECT_NEAR(predictor.forecast(request()).p50, 900, bin);
  EXPECT_NEAR(predictor.forecast(request()).p90, 900, bin);
}

TEST(LengthPredictor, does_not_take_a_cut_off_length_for_the_true_one) {
  // Half of the requests are cut off at 64 tokens, all follow the same distribution of median 200.
  LengthPredictor aware({});
  LengthPredictor naive({});
  Draws draws(3);
  for (int i = 0; i < 4000; ++i) {
    const std::int64_t limit = i % 2 == 0 ? 64 : 4096;
    const std::int64_t wanted = draws.length(200);
    const std::int64_t seen = std::min(wanted, limit);
    aware.observe(request(500, limit), 0, seen, wanted >= limit);
    naive.observe(request(500, limit), 0, seen, false);
  }
  EXPECT_NEAR(aware.forecast(request()).p50, 200, 40);
  EXPECT_LT(naive.forecast(request()).p50, 120);
  EXPECT_EQ(aware.forecast(request(500, 64)).p90, 64);
}

TEST(LengthPredictor, that_only_saw_cut_off_requests_keeps_the_tail_of_the_prior) {
  LengthPredictor predictor({});
  for (int i = 0; i < 5000; ++i) predictor.observe(request(500, 16), 0, 16, true);
  EXPECT_EQ(predictor.forecast(request(500, 16)).p50, 16);
  const LengthForecast open = predictor.forecast(request());
  EXPECT_GT(open.p50, 100);
  EXPECT_LT(open.p50, 500);
}

TEST(LengthPredictor, stays_between_one_token_and_the_limit_whatever_it_is_shown) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  const std::vector<std::int64_t> odd = {kMin, -1, 0, 1, 2, 7, 4096, 262'144, 1 << 30, kMax};
  LengthPredictor predictor({.max_keys = 64, .half_life_samples = 3});
  Draws draws(4);
  for (int i = 0; i < 20'000; ++i) {
    Features features = request(odd[draws.word() % odd.size()], odd[draws.word() % odd.size()]);
    features.max_tokens_given = draws.word() % 2 == 0;
    features.tenant = draws.word() % 3;
    features.template_prefix = draws.word() % 3;
    features.model = draws.word() % 2;
    features.named_output = {.min = static_cast<std::int32_t>(draws.word() % 3) * 1'000'000,
                             .max = static_cast<std::int32_t>(draws.word() % 2) * 100'000'000};
    expect_bounded(predictor.forecast(features), features.max_tokens);
    const auto class_index = static_cast<std::int32_t>(draws.word() % 2000) - 1000;
    predictor.observe(features, class_index, odd[draws.word() % odd.size()], draws.word() % 2 == 0);
    if (testing::Test::HasFailure()) break;
  }
  EXPECT_LE(predictor.calibration().p90_coverage, 1);
  EXPECT_TRUE(std::isfinite(predictor.calibration().mean_absolute_error));
}

TEST(LengthPredictor, holds_no_more_keys_than_allowed_and_forgets_the_least_used_first) {
  LengthPredictor predictor({.max_keys = 100});
  Features regular = request();
  regular.tenant = 1;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    Features passing = request();
    passing.tenant = 1000 + i;
    predictor.observe(passing, 0, 10, false);
    predictor.observe(regular, 0, 700, false);
    ASSERT_LE(predictor.keys(), 100U);
  }
  EXPECT_NEAR(predictor.forecast(regular).p50, 700, 70);
  Features first = request();
  first.tenant = 1000;
  EXPECT_EQ(predictor.forecast(first).samples, 20'000U);  // the model's: its own are gone
}

TEST(LengthPredictor, with_the_least_memory_still_works) {
  LengthPredictor predictor({.max_keys = 0, .half_life_samples = 0});
  for (int i = 0; i < 200; ++i) predictor.observe(request(), 0, 30, false);
  EXPECT_LE(predictor.keys(), 5U);
  EXPECT_LT(predictor.forecast(request()).p50, prior_median(request()));
}

TEST(LengthPredictor, gives_the_same_forecasts_for_the_same_history) {
  LengthPredictor first({.max_keys = 50});
  LengthPredictor second({.max_keys = 50});
  Draws draws(5);
  for (int i = 0; i < 5000; ++i) {
    Features features = request(static_cast<std::int64_t>(draws.word() % 5000));
    features.tenant = draws.word() % 40;
    const std::int64_t length = draws.length(100);
    first.observe(features, 0, length, i % 5 == 0);
    (void)first.forecast(features);  // asking changes nothing
    second.observe(features, 0, length, i % 5 == 0);
    const LengthForecast a = first.forecast(request());
    const LengthForecast b = second.forecast(request());
    ASSERT_EQ(a.mean, b.mean);
    ASSERT_EQ(a.p50, b.p50);
    ASSERT_EQ(a.p90, b.p90);
  }
}

TEST(LengthPredictor, allocates_nothing_to_forecast) {
  LengthPredictor predictor({});
  Features features = request();
  features.tenant = 3;
  features.template_prefix = 4;
  features.named_class = "a name that is too long to live inside a string";
  for (int i = 0; i < 100; ++i) predictor.observe(features, 0, 30, false);
  const std::size_t before = allocations;
  double sum = 0;
  for (int i = 0; i < 100; ++i) sum += predictor.forecast(features).mean;
  EXPECT_EQ(allocations, before);
  EXPECT_GT(sum, 0);
}

TEST(LengthPredictor, without_learning_keeps_to_the_prior_and_still_measures_it) {
  LengthPredictor predictor({.learn = false});
  const LengthForecast before = predictor.forecast(request());
  for (int i = 0; i < 100; ++i) predictor.observe(request(), 0, 3, false);
  EXPECT_EQ(predictor.forecast(request()).mean, before.mean);
  EXPECT_EQ(predictor.keys(), 0U);
  EXPECT_EQ(predictor.calibration().observed, 100U);
  EXPECT_EQ(predictor.calibration().mean_absolute_error, before.p50 - 3);
}

TEST(Calibration, states_error_and_coverage_overall_and_by_class) {
  LengthPredictor predictor({});
  Draws draws(6);
  for (int i = 0; i < 6000; ++i) {
    Features features = request();
    const bool is_long = i % 3 == 0;
    features.tenant = is_long ? 1 : 2;
    predictor.observe(features, is_long ? 1 : 0, draws.length(is_long ? 400 : 30), false);
  }
  const Calibration all = predictor.calibration();
  EXPECT_EQ(all.observed, 6000U);
  EXPECT_NEAR(all.p50_coverage, 0.5, 0.05);
  EXPECT_NEAR(all.p90_coverage, 0.9, 0.03);
  EXPECT_NEAR(all.mean_predicted, all.mean_actual, 0.1 * all.mean_actual);
  EXPECT_EQ(predictor.calibration(0).observed, 4000U);
  EXPECT_EQ(predictor.calibration(1).observed, 2000U);
  EXPECT_GT(predictor.calibration(1).mean_absolute_error, 4 * predictor.calibration(0).mean_absolute_error);
  EXPECT_EQ(predictor.calibration(2).observed, 0U);
  EXPECT_EQ(predictor.calibration(-1).observed, 0U);
  predictor.reset_calibration();
  EXPECT_EQ(predictor.calibration().observed, 0U);
  EXPECT_EQ(predictor.calibration(0).observed, 0U);
  EXPECT_EQ(predictor.forecast(request()).samples, 6000U);
}

/// Rows of tests/data/traces.
struct TraceRow {
  Features features;
  std::int64_t output = 0;
};

std::vector<TraceRow> trace(const std::string& name) {
  std::vector<TraceRow> out;
  std::ifstream file(BATON_SOURCE_DIR "/tests/data/traces/" + name);
  std::string line;
  std::getline(file, line);
  double arrival = 0;
  char comma = 0;
  TraceRow row{request(0, 2048), 0};
  while (file >> arrival >> comma >> row.features.prompt_tokens >> comma >> row.output) out.push_back(row);
  return out;
}

/// Mean absolute error of the median, each length known to the predictor 40 requests later.
double error_on(const std::vector<TraceRow>& rows, const LengthOptions& options) {
  LengthPredictor predictor(options);
  std::deque<const TraceRow*> running;
  double error = 0;
  for (const TraceRow& row : rows) {
    error += std::abs(static_cast<double>(row.output) - predictor.forecast(row.features).p50);
    running.push_back(&row);
    if (running.size() < 40) continue;
    predictor.observe(running.front()->features, 0, running.front()->output, false);
    running.pop_front();
  }
  return error / static_cast<double>(rows.size());
}

TEST(Traces, what_is_learned_beats_the_rule_bins_by_far) {
  for (const std::string name : {"azure_conv_2023.csv", "azure_code_2023.csv"}) {
    const std::vector<TraceRow> rows = trace(name);
    ASSERT_EQ(rows.size(), 2500U) << name;
    EXPECT_LT(error_on(rows, {}), 0.5 * error_on(rows, {.learn = false})) << name;
  }
}

}  // namespace
}  // namespace baton::classify
