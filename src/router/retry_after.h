#pragma once

#include <cstdint>

#include "baton/error.h"
#include "core/clock.h"

namespace baton::router {

/// Seconds a refused client is told to wait: SDKs take more than two minutes as "never".
inline constexpr int kMaxRetryAfterS = 120;

/// Follows how fast requests end, and so how fast a queue moves. No clock of its own; one thread.
class ServiceRate {
 public:
  /// A request ended and made room.
  void on_end(TimePoint now);
  /// Requests per second of late; 0 before the first.
  double per_second(TimePoint now) const;
  /// Whole seconds until `queued` requests and one more have been taken up, 1 to kMaxRetryAfterS.
  int seconds_to_serve(std::int32_t queued, TimePoint now) const;

 private:
  double decayed(TimePoint now) const;

  double weight_ = 0;  ///< of the ends so far, each fading with time
  TimePoint first_{};
  TimePoint last_{};
};

/// Whether a client refused with `code` should come back, so that it needs to be told when.
bool is_worth_retrying(Errc code);

/// `seconds` in milliseconds, up to a quarter more or less so that refused clients do not come back together.
/// `random`: any uniformly distributed number.
int jittered_ms(int seconds, std::uint64_t random);

}  // namespace baton::router
