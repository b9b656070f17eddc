#pragma once

#include <chrono>

namespace baton {

/// Monotonic time. Pure modules take a TimePoint as an argument and never read a clock themselves.
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;
using namespace std::chrono_literals;

inline constexpr TimePoint kNever = TimePoint::max();

}  // namespace baton
