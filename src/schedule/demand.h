#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "baton/types.h"
#include "cluster/snapshot.h"
#include "core/clock.h"

namespace baton::schedule {

/// A rate that follows the last minute: amounts per second, decaying.
class DecayingRate {
 public:
  void add(double amount, TimePoint now);
  double per_second(TimePoint now) const;

 private:
  double rate_ = 0;
  TimePoint at_{};
};

/// How much of each phase is asked for, group by group, and which workers for both roles should lean to which phase.
///
/// Steering happens only in groups that have dedicated workers beside those for both roles: a group of the latter alone
/// serves whole requests at any ratio. One worker changes at a time, not before kFlipInterval has passed since the last
/// change, and only if the busier pool's load falls by kLeastGain: hysteresis against flapping. Only new placements
/// follow; what runs is not touched.
class Demand {
 public:
  struct Flip {
    WorkerId worker;
    Role role;
  };
  struct Load {
    double golden_ratio = 0;           ///< prefill work : decode work; 0: unknown
    double prefill = 0, decode = 0;    ///< worker-seconds per second and worker
  };

  /// Expected worker-seconds of a dispatched request.
  void add(std::uint32_t group, double prefill_s, double decode_s, TimePoint now);
  Load load(const cluster::Snapshot& snapshot, TimePoint now) const;
  /// At most one change that should be made now.
  std::optional<Flip> review(const cluster::Snapshot& snapshot, TimePoint now);

  static constexpr Duration kFlipInterval = 10s;
  static constexpr double kLeastGain = 0.15;
  static constexpr double kLeastLoad = 0.05;  ///< of the busier pool: below it there is nothing to gain

 private:
  struct Group {
    DecayingRate prefill, decode;
    TimePoint last_flip{};
    bool has_flipped = false;
  };
  std::vector<Group> groups_;
};

}  // namespace baton::schedule
