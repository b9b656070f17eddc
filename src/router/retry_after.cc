#include "router/retry_after.h"

#include <algorithm>
#include <cmath>

namespace baton::router {
namespace {

/// Ends older than this hardly count.
constexpr double kMemoryS = 10.0;
/// Told to clients as long as nothing has ended yet.
constexpr int kUnknownS = 5;

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

double ServiceRate::decayed(TimePoint now) const {
  return weight_ * std::exp(-seconds(now - last_) / kMemoryS);
}

void ServiceRate::on_end(TimePoint now) {
  if (weight_ == 0) first_ = last_ = now;
  weight_ = decayed(now) + 1.0;
  last_ = now;
}

double ServiceRate::per_second(TimePoint now) const {
  if (weight_ == 0) return 0;
  // The weight a steady rate of 1/s would have gathered by now.
  const double gathered = kMemoryS * (1.0 - std::exp(-seconds(now - first_) / kMemoryS));
  return decayed(now) / std::max(gathered, 1.0);
}

int ServiceRate::seconds_to_serve(std::int32_t queued, TimePoint now) const {
  if (weight_ == 0) return kUnknownS;
  const double wait = std::ceil((queued + 1) / std::max(per_second(now), 1e-9));
  return static_cast<int>(std::clamp(wait, 1.0, static_cast<double>(kMaxRetryAfterS)));
}

bool is_worth_retrying(Errc code) {
  return code == Errc::queue_full || code == Errc::no_workers || code == Errc::draining ||
         code == Errc::out_of_blocks || code == Errc::overloaded;
}

int jittered_ms(int seconds, std::uint64_t random) {
  const int ms = seconds * 750 + static_cast<int>(random % (static_cast<std::uint64_t>(seconds) * 500 + 1));
  return std::clamp(ms, 1, kMaxRetryAfterS * 1000);
}

}  // namespace baton::router
