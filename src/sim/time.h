#pragma once

#include <cmath>
#include <cstdint>

#include "core/clock.h"

namespace baton::sim {

/// Simulated time: nanoseconds since the start of the run. An integer, so that sums do not depend on their order.
using Nanos = std::int64_t;
inline constexpr Nanos kSecond = 1'000'000'000;
inline constexpr Nanos kMillisecond = 1'000'000;
inline constexpr Nanos kMicrosecond = 1'000;
inline constexpr Nanos kNoTime = INT64_MAX;

inline Nanos nanos(double seconds) { return static_cast<Nanos>(std::llround(seconds * 1e9)); }
inline double seconds(Nanos t) { return static_cast<double>(t) * 1e-9; }

/// The Coordinator's clock starts an hour in, so that "never yet" differs from "at the start".
inline constexpr Duration kEpoch = std::chrono::hours(1);
inline TimePoint time_point(Nanos t) { return TimePoint(kEpoch + std::chrono::nanoseconds(t)); }
inline Nanos nanos_at(TimePoint t) {
  return t == kNever ? kNoTime : std::chrono::nanoseconds(t.time_since_epoch() - kEpoch).count();
}

}  // namespace baton::sim
