#pragma once

#include <optional>
#include <string_view>
#include <variant>

#include "baton/config.h"
#include "cluster/snapshot.h"
#include "schedule/ask.h"
#include "schedule/cost_policy.h"

namespace baton::schedule {

/// Each eligible worker in its turn.
struct RoundRobin {
  std::optional<Decision> operator()(const cluster::Snapshot& snapshot, const Ask& ask) const;
};

/// The prefill worker with the fewest tokens to compute before ours is done; the decode worker with the least of its
/// batch taken. Workers with KV room come first. Among equals, the roomier of two drawn at random.
struct LeastLoaded {
  std::optional<Decision> operator()(const cluster::Snapshot& snapshot, const Ask& ask) const;
};

/// Of two prefill and two decode workers drawn at random, those LeastLoaded would take.
struct PowerOfTwo {
  std::optional<Decision> operator()(const cluster::Snapshot& snapshot, const Ask& ask) const;
};

/// LeastLoaded that counts only the tokens a worker does not have cached.
struct PrefixAware {
  std::optional<Decision> operator()(const cluster::Snapshot& snapshot, const Ask& ask) const;
};

/// Policies decide who, not how: which worker may serve which part of a request is the same for all
/// (schedule/eligible.h). nullopt: nobody can serve it.
using Policy = std::variant<RoundRobin, LeastLoaded, PowerOfTwo, PrefixAware, CheapestPath>;

Policy make_policy(PlacementPolicy policy);
/// As in the configuration file.
std::string_view policy_name(const Policy& policy);
/// The policy looks at Ask::cached.
inline bool wants_prefixes(const Policy& policy) {
  return std::holds_alternative<PrefixAware>(policy) || std::holds_alternative<CheapestPath>(policy);
}

inline std::optional<Decision> place(const Policy& policy, const cluster::Snapshot& snapshot, const Ask& ask) {
  return std::visit([&](const auto& rule) { return rule(snapshot, ask); }, policy);
}

}  // namespace baton::schedule
