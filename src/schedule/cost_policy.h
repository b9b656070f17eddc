#pragma once

#include <cstdint>
#include <optional>

#include "cluster/snapshot.h"
#include "schedule/ask.h"

namespace baton::schedule {

/// What a worker would cost as the prefill side. Seconds and dollars; expectations.
struct PrefillCost {
  const cluster::WorkerView* worker = nullptr;
  std::int64_t cached = 0;    ///< tokens of the prompt in its prefix cache
  double queue_s = 0, own_s = 0;
  double dollars = 0, risk = 0;  ///< risk: expected cost of doing it again when a spot worker goes
  double preference = 1;
  std::uint8_t tier = 0;      ///< see PathCost
};

/// What a worker would cost as the decode side, and when it prefills too.
struct DecodeCost {
  const cluster::WorkerView* worker = nullptr;
  std::int64_t cached = 0;
  double batch = 0, context = 0;  ///< sequences with ours, their mean length
  double wait_s = 0;              ///< for a place in the batch
  double itl_s = 0;
  double occupancy = 0;           ///< share of the batch it can hold
  double dollars = 0, risk = 0;
  double preference = 1;
  std::uint8_t tier = 0;
  bool split = false, local = false;  ///< how it may serve
  double dearth = 1;              ///< what the decode side alone makes of the price: 1 + 3 u²
  double local_factor = 1;        ///< on the price of serving whole requests although its role is to decode
};

/// The objectives of a request as factors on seconds: 1 is all that may be taken up. Those nobody set have soft
/// stand-ins, which make a path dearer but never a violation.
struct Objectives {
  double per_ttft, per_itl;
  bool hard_ttft, hard_itl;
  explicit Objectives(const Ask& ask);
};

/// A complete way to serve a request. Ways are compared by tier, violation, price, in this order.
struct PathCost {
  Mode mode = Mode::split;
  WorkerId prefill, decode;
  double transfer_s = 0, ttft_s = 0, itl_s = 0;
  double dollars = 0, pressure = 0;
  double violation = 0;
  double price = 0;
  /// Bits, worst first: a worker to be avoided, no KV room, a spot worker for a class that wants none.
  static constexpr std::uint8_t kAvoided = 4, kNoRoom = 2, kUnwantedSpot = 1;
  std::uint8_t tier = 0;

  bool better_than(const PathCost& other) const {
    if (tier != other.tier) return tier < other.tier;
    if (violation != other.violation) return violation < other.violation;
    return price < other.price;
  }
};

// The terms, one by one (formulas: docs/scheduling.md).
PrefillCost prefill_cost(const cluster::WorkerView& worker, const Ask& ask, std::int64_t cached);
DecodeCost decode_cost(const cluster::WorkerView& worker, const Ask& ask, std::int64_t cached);
PathCost split_cost(const PrefillCost& p, const DecodeCost& d, const Ask& ask, const Objectives& objectives);
PathCost local_cost(const DecodeCost& d, const Ask& ask, const Objectives& objectives);

/// The cheapest way to serve a request that meets its objectives, else the one that violates them least.
///
/// O(P + D): each worker's own terms are computed once; then the two best prefill workers of each group meet all its
/// decode workers and the two best decode workers all its prefill workers, so that links are weighed where it matters.
/// Prices are blurred by a few percent at random: equals share the load, and shards that see the same reports do not
/// all run to the same worker.
struct CheapestPath {
  std::optional<Decision> operator()(const cluster::Snapshot& snapshot, const Ask& ask) const;
};

}  // namespace baton::schedule
