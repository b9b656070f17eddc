#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "classify/features.h"

namespace baton::classify {

/// Expected output tokens, each within [1, max_tokens]; p50 <= p90. The median is the best single guess; the mean is
/// for sums (KV room, load).
struct LengthForecast {
  double mean = 0, p50 = 0, p90 = 0;
  std::uint32_t samples = 0;  ///< observations of the finest key that knows the request; 0: the prior alone
};

struct LengthOptions {
  std::uint32_t max_keys = 4096;   ///< histograms kept (>= 5, of 380 bytes); the least recently used goes first
  double half_life_samples = 250;  ///< observations of a key after which an old one counts half
  bool learn = true;               ///< false: the prior alone (rule bins)
};

/// How good forecasts were, measured just before each observation.
struct Calibration {
  std::uint64_t observed = 0;
  double mean_absolute_error = 0;  ///< of the median
  double mean_actual = 0, mean_predicted = 0;
  double p50_coverage = 0, p90_coverage = 0;  ///< share of requests not longer than the forecast
};

/// Learned output length: a prior from the request's fields, then decaying histograms by (model, kind of request),
/// prompt length, (named class, tenant), template prefix and all of them together. Each counts by its number of
/// observations against the coarser ones before it, so an unknown tenant is forecast as its model, a known one as
/// itself. Deterministic; memory bounded by max_keys; one thread.
class LengthPredictor {
 public:
  explicit LengthPredictor(LengthOptions options);
  ~LengthPredictor();
  LengthPredictor(LengthPredictor&&) noexcept;
  LengthPredictor& operator=(LengthPredictor&&) noexcept;

  /// Does not allocate. max_tokens below 1 is read as 1.
  LengthForecast forecast(const Features& features) const;

  /// The request ended by itself (stop or length), after `output_tokens`. Requests that failed or were cancelled are
  /// not observed. `capped`: it ended at max_tokens, so the true length is at least that. `class_index`: the class it
  /// was served in (classify), for calibration alone; classes from kMaxClasses on count overall only.
  void observe(const Features& features, std::int32_t class_index, std::int64_t output_tokens, bool capped);

  static constexpr std::int32_t kMaxClasses = 256;
  /// Since the start or the last reset.
  Calibration calibration() const;
  Calibration calibration(std::int32_t class_index) const;
  /// For a reload that changes the classes; what was learned stays.
  void reset_calibration();

  /// Histograms held.
  std::size_t keys() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace baton::classify
