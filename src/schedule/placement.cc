#include "schedule/placement.h"

#include <algorithm>
#include <array>
#include <compare>

#include "core/hash.h"
#include "schedule/eligible.h"

namespace baton::schedule {

namespace {

using cluster::Group;
using cluster::Snapshot;
using cluster::WorkerView;

/// Queued prompt tokens that weigh as much as a whole batch when one worker does both parts.
constexpr double kPrefillTokensPerBatch = 8192.0;
constexpr std::int32_t kAssumedBatch = 64;

/// Who a policy chooses from, in Snapshot order; `cost` is only asked of eligible workers.
struct Candidates {
  const Snapshot& snapshot;
  const Ask& ask;
};

/// Rank of a worker: lower is better, lexicographically.
struct Cost {
  bool avoided = false;
  bool no_room = false;
  double load = 0.0;
  friend auto operator<=>(const Cost&, const Cost&) = default;
};

double decode_load(const WorkerView& w, DecodeOptions options) {
  const double batch = w.max_batch > 0 ? w.max_batch : kAssumedBatch;
  const double load = w.sequences() / batch;
  return options.split ? load : load + static_cast<double>(w.prefill_tokens()) / kPrefillTokensPerBatch;
}

/// Cached tokens count only when they were looked up, so this serves LeastLoaded (nothing but a replay's own prefill)
/// and PrefixAware.
double prefill_load(const WorkerView& w, const Ask& ask) {
  auto hint = ask.cached.begin();
  return static_cast<double>(w.prefill_tokens() + ask.tokens - cached_tokens(w, ask, hint));
}

bool prefill_full(const WorkerView& w, const Ask& ask) {
  return prefill_saturated(ask, backlog_s(w, static_cast<double>(ask.tokens)));
}

/// The `turn`-th eligible worker; those to avoid only if there is no other.
struct PickInTurn {
  const WorkerView* operator()(const Candidates& from, const auto& eligible, const auto& /*load*/) const {
    for (const bool avoided : {false, true}) {
      const auto matches = [&](const WorkerView& w) {
        return contains(from.ask.avoid, w.id) == avoided && eligible(w);
      };
      const auto& workers = from.snapshot.workers;
      const auto count = static_cast<std::uint64_t>(std::ranges::count_if(workers, matches));
      if (count == 0) continue;
      std::uint64_t left = from.ask.turn % count;
      return &*std::ranges::find_if(workers, [&](const WorkerView& w) { return matches(w) && left-- == 0; });
    }
    return nullptr;
  }
};

/// The cheapest worker. Among n equally cheap ones two are drawn uniformly (reservoir sampling in one pass) and the
/// roomier is taken: a burst spreads out though all reports are equally old.
struct PickCheapest {
  const WorkerView* operator()(const Candidates& from, const auto& eligible, const auto& load) const {
    std::array<const WorkerView*, 2> drawn{};
    Cost best;
    std::uint64_t ties = 0;
    std::uint64_t random = from.ask.random;
    for (const WorkerView& w : from.snapshot.workers) {
      if (!eligible(w)) continue;
      const Cost cost{contains(from.ask.avoid, w.id), !w.has_room(from.ask.room_tokens()), load(w)};
      if (ties == 0 || cost < best) {
        best = cost;
        ties = 1;
        drawn = {&w, nullptr};
      } else if (cost == best) {
        random = mix64(random + ++ties);
        if (ties == 2) {
          drawn[1] = &w;
        } else if (const std::uint64_t slot = random % ties; slot < 2) {
          drawn[slot] = &w;
        }
      }
    }
    if (drawn[1] == nullptr) return drawn[0];
    if (drawn[0]->free_blocks() != drawn[1]->free_blocks()) {
      return drawn[0]->free_blocks() > drawn[1]->free_blocks() ? drawn[0] : drawn[1];
    }
    return drawn[mix64(random) % 2];
  }
};

/// The cheaper of two drawn at random.
struct PickOfTwo {
  const WorkerView* operator()(const Candidates& from, const auto& eligible, const auto& load) const {
    std::array<const WorkerView*, 2> drawn{};
    std::uint64_t seen = 0;
    std::uint64_t random = from.ask.random;
    for (const WorkerView& w : from.snapshot.workers) {
      if (!eligible(w)) continue;
      random = mix64(random + ++seen);
      if (seen <= 2) {
        drawn[seen - 1] = &w;
      } else if (const std::uint64_t slot = random % seen; slot < 2) {
        drawn[slot] = &w;
      }
    }
    if (drawn[1] == nullptr) return drawn[0];
    const auto cost = [&](const WorkerView& w) {
      return Cost{contains(from.ask.avoid, w.id), !w.has_room(from.ask.room_tokens()), load(w)};
    };
    const Cost first = cost(*drawn[0]), second = cost(*drawn[1]);
    return first == second ? drawn[mix64(random) % 2] : drawn[first < second ? 0 : 1];
  }
};

std::optional<Decision> decide(const Candidates& from, const auto& pick) {
  const auto& [snapshot, ask] = from;
  const auto options = [&](const WorkerView& w) { return decode_options(w, snapshot.groups[w.group], ask); };
  const WorkerView* d = pick(
      from,
      [&](const WorkerView& w) {
        if (!may_serve(w, ask) || decode_saturated(w, ask)) return false;
        const DecodeOptions o = options(w);
        return o.split || (o.local && !prefill_full(w, ask));
      },
      [&](const WorkerView& w) { return decode_load(w, options(w)); });
  if (d == nullptr) return std::nullopt;
  if (options(*d).local) return Decision{Mode::local, d->id, d->id};

  const Group& group = snapshot.groups[d->group];
  const auto partner = [&](const WorkerView& w) {
    return may_serve(w, ask) && may_prefill_for(w, *d, group) && !prefill_full(w, ask);
  };
  if (const WorkerView* p = pick(from, partner, [&](const WorkerView& w) { return prefill_load(w, ask); })) {
    return Decision{Mode::split, p->id, d->id};
  }
  // Partners exist but none may serve this one. If they only refused it for now, waiting for them is the answer.
  const bool only_refused = std::ranges::any_of(snapshot.workers, [&](const WorkerView& w) {
    return w.placeable() && w.fits_context(ask.tokens) && may_prefill_for(w, *d, group);
  });
  if (only_refused || !ask.role_fallback) return std::nullopt;
  return Decision{Mode::local, d->id, d->id};
}

}  // namespace

std::optional<Decision> RoundRobin::operator()(const Snapshot& snapshot, const Ask& ask) const {
  return decide({snapshot, ask}, PickInTurn{});
}

std::optional<Decision> LeastLoaded::operator()(const Snapshot& snapshot, const Ask& ask) const {
  Ask blind = ask;
  blind.cached = {};
  return decide({snapshot, blind}, PickCheapest{});
}

std::optional<Decision> PowerOfTwo::operator()(const Snapshot& snapshot, const Ask& ask) const {
  Ask blind = ask;
  blind.cached = {};
  return decide({snapshot, blind}, PickOfTwo{});
}

std::optional<Decision> PrefixAware::operator()(const Snapshot& snapshot, const Ask& ask) const {
  return decide({snapshot, ask}, PickCheapest{});
}

Policy make_policy(PlacementPolicy policy) {
  switch (policy) {
    case PlacementPolicy::round_robin: return RoundRobin{};
    case PlacementPolicy::least_loaded: return LeastLoaded{};
    case PlacementPolicy::power_of_two: return PowerOfTwo{};
    case PlacementPolicy::prefix_aware: return PrefixAware{};
    case PlacementPolicy::cost: break;
  }
  return CheapestPath{};
}

std::string_view policy_name(const Policy& policy) {
  static constexpr std::array<std::string_view, std::variant_size_v<Policy>> kNames{
      "round_robin", "least_loaded", "power_of_two", "prefix_aware", "cost"};
  return kNames[policy.index()];
}

}  // namespace baton::schedule
