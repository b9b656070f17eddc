#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "baton/config.h"
#include "baton/types.h"
#include "cluster/snapshot.h"

namespace baton::schedule {

/// What a placement is asked for. Spans are borrowed for the call.
struct Ask {
  std::int64_t tokens = 0;               ///< to prefill: prompt and replayed output
  std::int64_t local_below_tokens = 0;   ///< shorter prompts are prefilled by the worker that decodes them
  bool role_fallback = true;             ///< survivors of a missing role serve whole requests
  bool local_only = false;               ///< no hand-over: it failed too often
  std::span<const WorkerId> avoid = {};    ///< taken only if nobody else can
  std::span<const WorkerId> exclude = {};  ///< never taken
  std::optional<WorkerId> cached_on = {};  ///< prefill worker that computed (part of) these tokens before
  std::uint64_t turn = 0;                ///< counts placements
  std::uint64_t random = 0;              ///< 64 fresh random bits
};

/// split: two different workers. local: `prefill` equals `decode`.
struct Decision {
  Mode mode = Mode::split;
  WorkerId prefill;
  WorkerId decode;
  friend bool operator==(const Decision&, const Decision&) = default;
};

/// Each eligible worker in its turn.
struct RoundRobin {
  std::optional<Decision> operator()(const cluster::Snapshot& snapshot, const Ask& ask) const;
};

/// The prefill worker with the fewest tokens to compute before ours is done; the decode worker with the least of its
/// batch taken. Workers with KV room come first. Among equals, the roomier of two drawn at random.
struct LeastLoaded {
  std::optional<Decision> operator()(const cluster::Snapshot& snapshot, const Ask& ask) const;
};

/// Policies decide who, not how: which worker may serve which part of a request is the same for all.
///  - Only workers that are up, whose context holds the tokens, and that are not excluded.
///  - P and D share model and block size.
///  - A worker for both roles serves a request whole unless its group has dedicated prefill workers; as the prefill
///    side it only serves dedicated decode workers.
///  - local_below_tokens, local_only and role_fallback make requests local.
/// nullopt: nobody can serve it.
using Policy = std::variant<RoundRobin, LeastLoaded>;

Policy make_policy(PlacementPolicy policy);

inline std::optional<Decision> place(const Policy& policy, const cluster::Snapshot& snapshot, const Ask& ask) {
  return std::visit([&](const auto& rule) { return rule(snapshot, ask); }, policy);
}

}  // namespace baton::schedule
