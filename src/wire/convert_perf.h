#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "perf/calibration.h"
#include "perf/replica.h"
#include "wire/wire_fwd.h"

/// What workers say of their speed and price. Nothing here can break a connection: what is absurd is dropped.
namespace baton::wire {

inline constexpr int kMaxSamples = 16;                 ///< of a Load; more are dropped
inline constexpr int kMaxCacheHashes = 1 << 16;        ///< in each list of a CacheDelta; more break the protocol
inline constexpr double kMaxPricePerHour = 1'000'000;  ///< US dollars

CostModel to_wire(const perf::Replica& replica);
/// Nothing if it is absent or not plausible (perf::plausible).
std::optional<perf::Replica> replica_from_wire(const HelloReply& reply);
/// The price that was reported, 0 if it is absurd.
double price_from_wire(const HelloReply& reply);

StepSample to_wire(const perf::StepSample& sample);
/// The plausible ones.
std::vector<perf::StepSample> samples_from_wire(const Load& load);

}  // namespace baton::wire
