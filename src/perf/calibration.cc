#include "perf/calibration.h"

#include <algorithm>
#include <cmath>

#include "perf/cost_model.h"

namespace baton::perf {

namespace {

constexpr std::uint64_t kEnough = 8;  // samples before the fit replaces the prior
constexpr double kDecay = 0.99;       // of one sample to the next: the last hundred count
constexpr double kPull = 0.02;        // weight of the prior, in samples of error 1
constexpr double kErrorShare = 0.05;  // of one sample in the running error
constexpr double kHuber = 1.5;        // errors beyond this many times the usual one pull no harder
constexpr double kFar = 5;            // beyond this many, less and less; lasting ones become the usual
constexpr double kLeastUsual = 0.02;  // of what is usual: exact data must not make the next noise an outlier
constexpr double kMostError = 10;     // one report cannot move the running error by more
constexpr double kClip = 3;  // times the usual: what one sample counts towards it, so that rare outliers stay rare
constexpr int kSweeps = 64;
constexpr double kLongestStep_s = 60;
constexpr double kMostTokens = 1e8;

bool within(double value, double most) {
  return std::isfinite(value) && value >= 0 && value <= most;
}

double share_of_sample(std::uint64_t samples) {
  return std::max(kErrorShare, 1.0 / static_cast<double>(samples));
}

double fixed_s(const Replica& replica, const StepConstants& constants) {
  return constants.t0_s + replica.shape.layers * constants.t1_s;
}

StepConstants clamped(StepConstants c, const ConstantBounds& bounds) {
  return {.mfu = std::clamp(c.mfu, bounds.low.mfu, bounds.high.mfu),
          .mbu = std::clamp(c.mbu, bounds.low.mbu, bounds.high.mbu),
          .t0_s = std::clamp(c.t0_s, bounds.low.t0_s, bounds.high.t0_s),
          .t1_s = std::clamp(c.t1_s, bounds.low.t1_s, bounds.high.t1_s)};
}

}  // namespace

bool plausible(const StepSample& sample) {
  const StepRows& rows = sample.rows;
  return std::isfinite(sample.seconds) && sample.seconds > 0 && sample.seconds <= kLongestStep_s &&
         within(rows.prefill_tokens, kMostTokens) && within(rows.prefill_context, kMostTokens) &&
         within(rows.batch, kMostTokens) && within(rows.decode_context, kMostTokens) &&
         rows.prefill_tokens + rows.batch > 0;
}

bool plausible(const Replica& replica) {
  const ModelShape& shape = replica.shape;
  const ConstantBounds bounds;
  const StepConstants& c = replica.constants;
  struct Range {
    double value, low, high;
  };
  const Range ranges[] = {{shape.parameters, 1, 1e14},
                          {shape.resident_parameters, 0, 1e15},
                          {shape.expert_parameters, 0, std::max(shape.resident_parameters, 0.0)},
                          {static_cast<double>(shape.layers), 1, 10'000},
                          {static_cast<double>(shape.hidden), 1, 1e6},
                          {static_cast<double>(shape.q_heads), 1, 1e5},
                          {static_cast<double>(shape.kv_heads), 1, 1e5},
                          {static_cast<double>(shape.head_dim), 1, 1e5},
                          {static_cast<double>(shape.experts), 0, 1e5},
                          {static_cast<double>(shape.experts_per_token), 0, static_cast<double>(shape.experts)},
                          {static_cast<double>(replica.tp), 1, 1024},
                          {replica.flops, 1e6, 1e21},
                          {replica.bandwidth, 1e6, 1e18},
                          {replica.memory_bytes, 1e6, 1e18},
                          {replica.weight_bytes_per_parameter, 0.1, 8},
                          {replica.kv_bytes_per_value, 0.1, 8},
                          {replica.activation_bytes, 0.1, 8},
                          {replica.all_reduce.alpha_s, 0, 1},
                          {replica.all_reduce.bus_bytes_per_s, 0, 1e18},
                          {c.mfu, bounds.low.mfu, bounds.high.mfu},
                          {c.mbu, bounds.low.mbu, bounds.high.mbu},
                          {c.t0_s, bounds.low.t0_s, bounds.high.t0_s},
                          {c.t1_s, bounds.low.t1_s, bounds.high.t1_s},
                          {replica.dollars_per_hour, 0, 1e6}};
  return std::ranges::all_of(ranges, [](const Range& r) { return r.value >= r.low && r.value <= r.high; });
}

Calibrator::Calibrator(Replica prior) : prior_(std::move(prior)) {
  const ConstantBounds bounds;
  prior_.constants = clamped(prior_.constants, bounds);
  current_ = prior_;
  const StepConstants& c = prior_.constants;
  const double fixed = fixed_s(prior_, c);
  low_ = {fixed_s(prior_, bounds.low) / fixed, c.mfu / bounds.high.mfu, c.mbu / bounds.high.mbu};
  high_ = {fixed_s(prior_, bounds.high) / fixed, c.mfu / bounds.low.mfu, c.mbu / bounds.low.mbu};
}

void Calibrator::observe(const StepSample& sample) {
  if (!plausible(sample)) return;
  ++samples_;
  learn(sample);
  solve();
  if (samples_ >= kEnough) current_.constants = constants_of(multiples_);
}

void Calibrator::learn(const StepSample& sample) {
  Replica fitted = prior_;
  fitted.constants = constants_of(multiples_);
  const StepTerms terms = step_terms(fitted, sample.rows);
  const StepConstants& c = prior_.constants;
  const Vector features{fixed_s(prior_, c), terms.compute_s / c.mfu, terms.memory_s / c.mbu};
  const double predicted = step_s(fitted, sample.rows);
  const double shown = step_s(current_, sample.rows);
  if (!(predicted > 0) || !(shown > 0)) return;

  const double error = std::abs(sample.seconds / predicted - 1);
  const double usual = samples_ <= kEnough ? 1 : std::max(kLeastUsual, usual_);
  const double trust = std::min(1.0, kHuber * usual / error) * std::min(1.0, kFar * usual / error);
  usual_ += (std::min(error, kClip * usual) - usual_) * share_of_sample(samples_);
  const double shown_error = std::min(std::abs(sample.seconds / shown - 1), kMostError);
  error_ += (shown_error - error_) * share_of_sample(samples_);

  const double weight = trust / (predicted * predicted);
  for (std::size_t i = 0; i < kUnknowns; ++i) {
    for (std::size_t j = 0; j < kUnknowns; ++j) {
      normal_[i][j] = kDecay * normal_[i][j] + weight * features[i] * features[j];
    }
    right_[i] = kDecay * right_[i] + weight * features[i] * (sample.seconds - terms.all_reduce_s);
  }
}

/// Minimises |F m - t|² + kPull |m - 1|² within the bounds by coordinate descent, which is exact for a convex
/// quadratic in a box; it starts at the last solution.
void Calibrator::solve() {
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    double moved = 0;
    for (std::size_t i = 0; i < kUnknowns; ++i) {
      double rest = right_[i] + kPull;
      for (std::size_t j = 0; j < kUnknowns; ++j) {
        if (j != i) rest -= normal_[i][j] * multiples_[j];
      }
      const double next = std::clamp(rest / (normal_[i][i] + kPull), low_[i], high_[i]);
      moved = std::max(moved, std::abs(next / multiples_[i] - 1));
      multiples_[i] = next;
    }
    if (moved < 1e-6) break;
  }
}

StepConstants Calibrator::constants_of(const Vector& multiples) const {
  const StepConstants& c = prior_.constants;
  return clamped({.mfu = c.mfu / multiples[1],
                  .mbu = c.mbu / multiples[2],
                  .t0_s = c.t0_s * multiples[0],
                  .t1_s = c.t1_s * multiples[0]},
                 {});
}

}  // namespace baton::perf
