#include "perf/calibration.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "perf/catalogue.h"
#include "perf/chunk_pacer.h"
#include "perf/cost_model.h"
#include "perf/shapes.h"

namespace baton::perf {
namespace {

Replica prior() {
  return *make_replica(*builtin_catalogue().find("H100_SXM5"), *known_shape("llama-3.1-70b"),
                       {.gpus = 4, .tp = 4, .weights = DType::fp8_e4m3});
}

Replica with(Replica replica, StepConstants constants) {
  replica.constants = constants;
  return replica;
}

/// A worker whose true constants are known, and the steps it makes.
class Worker {
 public:
  explicit Worker(StepConstants truth, std::uint64_t seed = 7) : truth_(with(prior(), truth)), random_(seed) {}

  StepRows rows() {
    const double kind = uniform(0, 1);
    StepRows rows;
    if (kind < 0.5) rows = {.prefill_tokens = std::floor(uniform(16, 2048)), .prefill_context = uniform(0, 4000)};
    if (kind > 0.2) rows.batch = std::floor(uniform(1, 128)), rows.decode_context = uniform(100, 4000);
    return rows;
  }
  StepSample sample(const StepRows& rows, double noise) {
    return {.rows = rows, .seconds = step_s(truth_, rows) * std::exp(std::normal_distribution(0.0, noise)(random_))};
  }
  void feed(Calibrator& calibrator, int steps, double noise) {
    for (int i = 0; i < steps; ++i) calibrator.observe(sample(rows(), noise));
  }
  /// Mean relative error of step times over what this worker does.
  double error_of(const Replica& fitted) {
    double sum = 0;
    for (int i = 0; i < 500; ++i) {
      const StepRows r = rows();
      sum += std::abs(step_s(fitted, r) / step_s(truth_, r) - 1);
    }
    return sum / 500;
  }
  double uniform(double low, double high) { return std::uniform_real_distribution(low, high)(random_); }

 private:
  Replica truth_;
  std::mt19937_64 random_;
};

void expect_within_bounds(const StepConstants& c) {
  const ConstantBounds bounds;
  for (const double StepConstants::*member :
       {&StepConstants::mfu, &StepConstants::mbu, &StepConstants::t0_s, &StepConstants::t1_s}) {
    EXPECT_TRUE(std::isfinite(c.*member));
    EXPECT_GE(c.*member, bounds.low.*member);
    EXPECT_LE(c.*member, bounds.high.*member);
  }
}

// Fitted to published measurements of this model: see docs/scheduling.md.
constexpr StepConstants kVllm{.mfu = 0.70, .mbu = 0.89, .t0_s = 1.5e-3, .t1_s = 48e-6};
constexpr StepConstants kSlow{.mfu = 0.25, .mbu = 0.35, .t0_s = 4e-3, .t1_s = 30e-6};

TEST(Calibration, the_prior_stands_until_enough_was_seen) {
  Worker worker(kSlow);
  Calibrator calibrator(prior());
  worker.feed(calibrator, 7, 0);
  EXPECT_EQ(calibrator.replica(), prior());
  worker.feed(calibrator, 1, 0);
  EXPECT_NE(calibrator.replica(), prior());
}

TEST(Calibration, noisy_steps_of_any_worker_are_learned_to_within_five_percent) {
  for (const StepConstants& truth : {kVllm, kSlow, StepConstants{1.0, 1.0, 0.2e-3, 5e-6}}) {
    Worker worker(truth);
    Calibrator calibrator(prior());
    worker.feed(calibrator, 300, 0.05);
    EXPECT_LE(worker.error_of(calibrator.replica()), 0.05);
    EXPECT_LE(calibrator.error(), 0.10) << "noise included";
    expect_within_bounds(calibrator.replica().constants);
  }
}

TEST(Calibration, few_samples_already_beat_a_prior_that_is_far_off) {
  Worker worker(kSlow);
  Calibrator calibrator(prior());
  worker.feed(calibrator, 12, 0.05);
  EXPECT_LE(worker.error_of(calibrator.replica()), 0.15);
  EXPECT_GE(worker.error_of(prior()), 0.40);
}

TEST(Calibration, outliers_pull_little) {
  Worker worker(kVllm);
  Calibrator calibrator(prior());
  for (int i = 0; i < 400; ++i) {
    StepSample sample = worker.sample(worker.rows(), 0.05);
    if (i % 10 == 3) sample.seconds *= worker.uniform(5, 50);  // a page fault, a neighbour, a collection
    calibrator.observe(sample);
  }
  EXPECT_LE(worker.error_of(calibrator.replica()), 0.05);
}

TEST(Calibration, equal_steps_over_and_over_are_fitted_without_inventing_the_rest) {
  Worker worker(kSlow);
  Calibrator calibrator(prior());
  const StepRows rows{.batch = 32, .decode_context = 1000};
  for (int i = 0; i < 300; ++i) calibrator.observe(worker.sample(rows, 0.02));
  EXPECT_NEAR(step_s(calibrator.replica(), rows) / step_s(with(prior(), kSlow), rows), 1, 0.02);
  EXPECT_NEAR(calibrator.replica().constants.mfu, prior().constants.mfu, 0.01) << "nothing was said of compute";
  expect_within_bounds(calibrator.replica().constants);
}

TEST(Calibration, it_follows_a_worker_that_becomes_slower) {
  Worker fast(kVllm), slow(kSlow);
  Calibrator calibrator(prior());
  fast.feed(calibrator, 500, 0.03);
  slow.feed(calibrator, 500, 0.03);
  EXPECT_LE(slow.error_of(calibrator.replica()), 0.05);
  fast.feed(calibrator, 500, 0.03);
  EXPECT_LE(fast.error_of(calibrator.replica()), 0.05);
}

TEST(Calibration, impossible_reports_are_dropped) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  Calibrator calibrator(prior());
  const StepRows good{.batch = 4, .decode_context = 100};
  for (const double seconds : {nan, inf, -inf, 0.0, -1.0, 61.0}) calibrator.observe({good, seconds});
  for (const double bad : {nan, inf, -1.0, 1e9}) {
    calibrator.observe({{.prefill_tokens = bad}, 0.01});
    calibrator.observe({{.prefill_tokens = 10, .prefill_context = bad}, 0.01});
    calibrator.observe({{.batch = bad}, 0.01});
    calibrator.observe({{.batch = 1, .decode_context = bad}, 0.01});
  }
  calibrator.observe({{}, 0.01});
  EXPECT_EQ(calibrator.samples(), 0U);
  EXPECT_EQ(calibrator.replica(), prior());
}

TEST(Calibration, contradictory_reports_never_leave_the_bounds) {
  std::mt19937_64 random(3);
  Calibrator calibrator(prior());
  const auto exponent = [&](double low, double high) {
    return std::pow(10, std::uniform_real_distribution(low, high)(random));
  };
  for (int i = 0; i < 5000; ++i) {
    calibrator.observe({.rows = {.prefill_tokens = exponent(-3, 8),
                                 .prefill_context = exponent(-3, 8),
                                 .batch = exponent(-3, 8),
                                 .decode_context = exponent(-3, 8)},
                        .seconds = exponent(-12, 1.7)});
    expect_within_bounds(calibrator.replica().constants);
    EXPECT_TRUE(std::isfinite(calibrator.error()));
  }
}

TEST(Calibration, after_nonsense_the_truth_is_found_again) {
  Worker worker(kVllm);
  Calibrator calibrator(prior());
  for (int i = 0; i < 300; ++i) calibrator.observe({{.batch = 1, .decode_context = 10}, i % 2 == 0 ? 1e-9 : 50.0});
  worker.feed(calibrator, 1500, 0.03);
  EXPECT_LE(worker.error_of(calibrator.replica()), 0.05);
}

TEST(Calibration, a_prior_outside_the_bounds_is_brought_inside) {
  Calibrator calibrator(with(prior(), {.mfu = 100, .mbu = 0, .t0_s = -1, .t1_s = 10}));
  expect_within_bounds(calibrator.replica().constants);
}

double affine_s(const StepRows& rows) { return 3e-3 + 1e-5 * rows.batch + 25e-6 * rows.prefill_tokens; }

TEST(ChunkPacer, takes_everything_while_nothing_is_known_of_prompt_rows) {
  ChunkPacer pacer;
  EXPECT_EQ(pacer.rows_within(1e-6), std::numeric_limits<std::int32_t>::max());
  pacer.observe({.batch = 8, .decode_context = 100}, 5e-3);
  EXPECT_EQ(pacer.rows_within(1e-6), std::numeric_limits<std::int32_t>::max());
}

TEST(ChunkPacer, steps_settle_just_below_the_bound) {
  const double bound_s = 20e-3;
  ChunkPacer pacer;
  StepRows rows{.prefill_tokens = 2048, .batch = 16, .decode_context = 500};
  for (int i = 0; i < 40; ++i) {
    pacer.observe(rows, affine_s(rows));
    rows.prefill_tokens = pacer.rows_within(bound_s);
    if (i > 8) { EXPECT_LE(affine_s(rows), bound_s) << "step " << i; }
  }
  EXPECT_GT(affine_s(rows), 0.9 * bound_s);
}

TEST(ChunkPacer, steps_of_both_kinds_tell_the_base_from_the_rows) {
  ChunkPacer pacer;
  for (int i = 0; i < 200; ++i) {
    for (const double tokens : {0.0, 400.0, 100.0}) {
      const StepRows rows{.prefill_tokens = tokens, .batch = 16, .decode_context = 500};
      pacer.observe(rows, affine_s(rows));
    }
  }
  EXPECT_NEAR(pacer.rows_within(10e-3), (9.5e-3 - affine_s({.batch = 16})) / 25e-6, 25);
  EXPECT_EQ(pacer.rows_within(3e-3), 0);  // decoding alone takes longer
}

TEST(ChunkPacer, tiny_prompts_and_hiccups_do_not_ruin_what_was_learned) {
  ChunkPacer pacer;
  const StepRows mixed{.prefill_tokens = 256, .batch = 16, .decode_context = 500};
  for (int i = 0; i < 50; ++i) pacer.observe(mixed, affine_s(mixed));
  const std::int32_t learned = pacer.rows_within(15e-3);
  for (int i = 0; i < 10; ++i) pacer.observe({.prefill_tokens = 3}, affine_s({.prefill_tokens = 3}));
  EXPECT_EQ(pacer.rows_within(15e-3), learned);
  for (const double odd : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    pacer.observe(mixed, odd);
    pacer.observe({}, 1);
  }
  EXPECT_EQ(pacer.rows_within(15e-3), learned);
  pacer.observe(mixed, 3.0);  // three hundred times as long
  EXPECT_LT(pacer.rows_within(15e-3), learned);
  EXPECT_GT(pacer.rows_within(15e-3), learned / 2);
  for (int i = 0; i < 20; ++i) pacer.observe(mixed, affine_s(mixed));
  EXPECT_NEAR(pacer.rows_within(15e-3), learned, 0.05 * learned);
}

}  // namespace
}  // namespace baton::perf
