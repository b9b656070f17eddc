#pragma once

#include <cstdint>
#include <memory>

#include "classify/features.h"

namespace baton::classify {

/// Expected output tokens, each within [1, max_tokens].
struct LengthForecast {
  double mean = 0, p50 = 0, p90 = 0;
  std::uint32_t samples = 0;  ///< observations behind it; 0: the prior alone
};

struct LengthOptions {
  std::uint32_t max_keys = 4096;     ///< sketches kept; the least recently used goes first
  double half_life_samples = 500;    ///< observations after which an old one counts half
  bool learn = true;                 ///< false: the prior alone (rule bins)
};

/// Learned output length: a prior from the request's fields, then decaying quantile sketches by (model, tenant, class,
/// template prefix), backing off to coarser keys while a finer one has few samples. Deterministic, bounded memory.
class LengthPredictor {
 public:
  explicit LengthPredictor(LengthOptions options);
  ~LengthPredictor();
  LengthPredictor(LengthPredictor&&) noexcept;
  LengthPredictor& operator=(LengthPredictor&&) noexcept;

  /// `class_index`: the class so far (classes by prompt length alone are known before the length is).
  LengthForecast forecast(const Features& features, std::int32_t class_index) const;
  /// The request ended by itself (stop or length), after `output_tokens`. Requests that failed or were cancelled are
  /// not observed. `capped`: it ended at max_tokens, so the true length is at least that.
  void observe(const Features& features, std::int32_t class_index, std::int64_t output_tokens, bool capped);

  /// Calibration since the start: how good forecasts made before each observation were.
  struct Calibration {
    std::uint64_t observed = 0;
    double mean_absolute_error = 0, mean_actual = 0, mean_predicted = 0;
    double p50_coverage = 0, p90_coverage = 0;  ///< share of requests not longer than the forecast
  };
  Calibration calibration() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace baton::classify
