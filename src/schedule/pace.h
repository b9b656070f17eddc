#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "core/clock.h"

namespace baton::schedule {

/// How fast the queue moves: the smoothed time between two dispatches while requests wait. Idle time does not count, so
/// a quiet night does not make the first burst look hopeless.
class Pace {
 public:
  /// A request left the queue; `more_wait`: others stayed behind.
  void dispatched(TimePoint now, std::size_t left_behind) {
    if (last_ && left_behind_ > 0) {
      const double interval_s = std::max(0.0, std::chrono::duration<double>(now - *last_).count());
      interval_s_ = interval_s_ ? *interval_s_ + kWeight * (interval_s - *interval_s_) : interval_s;
      ++samples_;
    }
    last_ = now;
    left_behind_ = left_behind;
  }
  /// Of the last wait; nullopt until enough was seen.
  std::optional<double> interval_s() const { return samples_ >= kLeastSamples ? interval_s_ : std::nullopt; }

 private:
  static constexpr double kWeight = 0.1;
  static constexpr int kLeastSamples = 5;
  std::optional<TimePoint> last_;
  std::optional<double> interval_s_;
  std::size_t left_behind_ = 0;
  int samples_ = 0;
};

}  // namespace baton::schedule
