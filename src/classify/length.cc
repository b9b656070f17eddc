#include "classify/length.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>
#include <vector>

#include "classify/histogram.h"
#include "classify/prior.h"
#include "classify/sketches.h"

namespace baton::classify {
namespace {

/// Observations a coarser forecast counts for against a finer one.
constexpr double kCoarserStrength = 3;

/// One of the groups a request belongs to.
struct Key {
  std::uint64_t hash = 0;
  bool is_nested = true;  ///< inside the nested key before it, and around the next one
};

/// Keys of a request, coarse to fine; `size` of them are in use.
struct Keys {
  static constexpr std::size_t kMost = 5;
  std::array<Key, kMost> all{};
  std::size_t size = 0;
  void add(Key key) { all[size++] = key; }
  auto begin() const { return all.begin(); }
  auto end() const { return all.begin() + static_cast<std::ptrdiff_t>(size); }
};

/// Quarter octaves of the prompt's length.
std::uint64_t prompt_bin(std::int64_t tokens) {
  const auto n = static_cast<std::uint64_t>(std::max<std::int64_t>(tokens, 0));
  if (n < 8) return n;
  const auto width = static_cast<std::uint64_t>(std::bit_width(n));
  return width * 4 + ((n >> (width - 3)) & 3);
}

Keys keys_of(const Features& f) {
  const std::uint64_t kind = (f.chat ? 1U : 0U) | (f.constrained ? 2U : 0U) | (f.has_tools ? 4U : 0U) |
                             (f.has_stop ? 8U : 0U) | (f.max_tokens_given ? 16U : 0U);
  const std::uint64_t prompt = prompt_bin(f.prompt_tokens);
  const std::uint64_t group = hash_combine(f.named_class.empty() ? 0 : name_hash(f.named_class), f.tenant);
  const bool has_group = f.tenant != 0 || !f.named_class.empty();
  const std::uint64_t model = hash_combine(f.model, kind);
  const std::uint64_t member = hash_combine(hash_combine(model, 2), group);
  const std::uint64_t templated = hash_combine(hash_combine(member, 3), f.template_prefix);
  Keys keys;
  keys.add({model});
  keys.add({hash_combine(hash_combine(model, 1), prompt), false});
  if (has_group) keys.add({member});
  if (f.template_prefix != 0) keys.add({templated});
  if (has_group || f.template_prefix != 0) keys.add({hash_combine(hash_combine(templated, 4), prompt)});
  return keys;
}

std::int64_t limit_of(const Features& features) {
  return std::max<std::int64_t>(features.max_tokens, 1);
}

/// What is left of `mass` from `tokens` on, summing to 1: where a request that was cut off there would have ended
/// (Efron's redistribution to the right).
Mass beyond(Mass mass, std::int64_t tokens) {
  const std::size_t first = bin_of(tokens);
  std::fill_n(mass.begin(), first, 0.0F);
  float total = 0;
  for (const float part : mass) total += part;
  if (total <= 0) {
    mass[first] = 1;
    return mass;
  }
  for (float& part : mass) part /= total;
  return mass;
}

/// The distribution of a request's length as keys are taken into account, coarse to fine.
struct Blend {
  Mass mass;
  std::uint32_t samples = 0;  ///< of the latest key that counted
  std::uint32_t nested = 0;   ///< of the latest nested key

  void add(const Key& key, const DecayingHistogram& histogram) {
    const std::uint32_t count = histogram.count();
    // A key that saw only what the one around it saw adds nothing; counting it twice would overrate few observations.
    if (count == 0 || count == nested) return;
    mass = histogram.mixed_with(mass, kCoarserStrength);
    samples = count;
    if (key.is_nested) nested = count;
  }
};

struct Sums {
  std::uint64_t observed = 0, within_p50 = 0, within_p90 = 0;
  double error = 0, actual = 0, predicted = 0;

  void add(const LengthForecast& forecast, double tokens) {
    ++observed;
    within_p50 += tokens <= forecast.p50 ? 1 : 0;
    within_p90 += tokens <= forecast.p90 ? 1 : 0;
    error += std::abs(tokens - forecast.p50);
    actual += tokens;
    predicted += forecast.mean;
  }
  Calibration shares() const {
    const double n = static_cast<double>(std::max<std::uint64_t>(observed, 1));
    return {.observed = observed,
            .mean_absolute_error = error / n,
            .mean_actual = actual / n,
            .mean_predicted = predicted / n,
            .p50_coverage = static_cast<double>(within_p50) / n,
            .p90_coverage = static_cast<double>(within_p90) / n};
  }
};

LengthForecast forecast_of(const Blend& blend, std::int64_t limit) {
  const Summary summary = summarize(blend.mass, limit);
  return {.mean = summary.mean, .p50 = summary.p50, .p90 = summary.p90, .samples = blend.samples};
}

}  // namespace

struct LengthPredictor::State {
  explicit State(const LengthOptions& options)
      : sketches(std::max<std::size_t>(options.max_keys, Keys::kMost)),
        growth(static_cast<float>(std::exp2(1 / std::max(options.half_life_samples, 1.0)))),
        learns(options.learn) {}

  Sketches sketches;
  float growth;
  bool learns;
  Sums overall;
  std::vector<Sums> by_class;
};

LengthPredictor::LengthPredictor(LengthOptions options) : state_(std::make_unique<State>(options)) {}
LengthPredictor::~LengthPredictor() = default;
LengthPredictor::LengthPredictor(LengthPredictor&&) noexcept = default;
LengthPredictor& LengthPredictor::operator=(LengthPredictor&&) noexcept = default;

LengthForecast LengthPredictor::forecast(const Features& features) const {
  Blend blend{.mass = prior(features)};
  for (const Key& key : keys_of(features)) {
    if (const DecayingHistogram* histogram = state_->sketches.find(key.hash)) blend.add(key, *histogram);
  }
  return forecast_of(blend, limit_of(features));
}

void LengthPredictor::observe(const Features& features, std::int32_t class_index, std::int64_t output_tokens,
                              bool capped) {
  State& state = *state_;
  const std::int64_t limit = limit_of(features);
  const std::int64_t tokens = std::clamp<std::int64_t>(output_tokens, 1, limit);
  Blend blend{.mass = prior(features)};
  for (const Key& key : keys_of(features)) {
    if (!state.learns) break;
    DecayingHistogram& histogram = state.sketches.touch(key.hash);
    blend.add(key, histogram);  // as it was before this observation
    if (capped) {
      histogram.add(beyond(blend.mass, tokens), state.growth);
    } else {
      histogram.add(bin_of(tokens), state.growth);
    }
  }
  const LengthForecast made = forecast_of(blend, limit);
  state.overall.add(made, static_cast<double>(tokens));
  if (class_index < 0 || class_index >= kMaxClasses) return;
  const auto row = static_cast<std::size_t>(class_index);
  if (state.by_class.size() <= row) state.by_class.resize(row + 1);
  state.by_class[row].add(made, static_cast<double>(tokens));
}

Calibration LengthPredictor::calibration() const {
  return state_->overall.shares();
}

Calibration LengthPredictor::calibration(std::int32_t class_index) const {
  const bool is_known = class_index >= 0 && std::cmp_less(class_index, state_->by_class.size());
  return is_known ? state_->by_class[static_cast<std::size_t>(class_index)].shares() : Calibration{};
}

void LengthPredictor::reset_calibration() {
  state_->overall = {};
  state_->by_class.clear();
}

std::size_t LengthPredictor::keys() const {
  return state_->sketches.size();
}

}  // namespace baton::classify
