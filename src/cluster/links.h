#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "cluster/snapshot.h"
#include "perf/cost_model.h"

namespace baton::cluster {

/// How far two workers are apart.
enum class Distance : std::uint8_t { host, rack, zone, remote };

/// Same host, else same rack, else same zone. What a worker does not say counts as the same zone.
inline Distance distance(const WorkerView& a, const WorkerView& b) {
  if (a.host != 0 && a.host == b.host) return Distance::host;
  if (a.zone != 0 && b.zone != 0 && a.zone != b.zone) return Distance::remote;
  return a.rack != 0 && a.rack == b.rack ? Distance::rack : Distance::zone;
}

/// The link between two workers by their distance: configured at first, corrected by measured hand-overs.
class LinkTable {
 public:
  using Links = std::array<perf::Link, 4>;  ///< by Distance
  explicit LinkTable(const Links& configured) : links_(configured) {}

  const perf::Link& between(const WorkerView& a, const WorkerView& b) const {
    return links_[static_cast<std::size_t>(distance(a, b))];
  }
  const perf::Link& at(Distance d) const { return links_[static_cast<std::size_t>(d)]; }
  /// `bytes` moved in `seconds`. Small or absurd measurements are ignored. A slow one counts little: it may have waited
  /// for layers that were still being computed.
  void observe(Distance d, double bytes, double seconds);

 private:
  Links links_;
};

}  // namespace baton::cluster
