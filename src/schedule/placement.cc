#include "schedule/placement.h"

#include <algorithm>
#include <array>
#include <compare>

#include "core/hash.h"

namespace baton::schedule {

namespace {

using cluster::Group;
using cluster::Snapshot;
using cluster::WorkerView;

/// Queued prompt tokens that weigh as much as a whole batch when one worker does both parts.
constexpr double kPrefillTokensPerBatch = 8192.0;
constexpr std::int32_t kAssumedBatch = 64;

bool contains(std::span<const WorkerId> ids, WorkerId id) { return std::ranges::find(ids, id) != ids.end(); }

bool may_serve(const WorkerView& w, const Ask& ask) {
  return w.placeable() && w.fits_context(ask.tokens) && !contains(ask.exclude, w.id);
}

/// Whether a worker that decodes would be given a prefill partner, and whether it may do without.
struct DecodeOptions {
  bool split = false;
  bool local = false;
};

DecodeOptions decode_options(const WorkerView& w, const Group& group, const Ask& ask) {
  if (w.role == Role::prefill) {
    const bool alone = group.decode + group.both == 0;
    return {.split = false, .local = alone && ask.role_fallback};
  }
  if (ask.tokens < ask.local_below_tokens || ask.local_only) return {.split = false, .local = true};
  const bool partner = group.prefill > 0 || (w.role == Role::decode && group.both > 0);
  if (partner) return {.split = true, .local = false};
  return {.split = false, .local = w.role == Role::both || ask.role_fallback};
}

bool may_prefill_for(const WorkerView& p, const WorkerView& d, const Group& group) {
  if (p.id == d.id || p.group != d.group || p.role == Role::decode) return false;
  return p.role == Role::prefill || group.prefill == 0;
}

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

double prefill_load(const WorkerView& w, const Ask& ask) {
  const std::int64_t own = ask.cached_on == w.id ? 0 : ask.tokens;
  return static_cast<double>(w.prefill_tokens() + own);
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
      const Cost cost{contains(from.ask.avoid, w.id), !w.has_room(from.ask.tokens), load(w)};
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

std::optional<Decision> decide(const Candidates& from, const auto& pick) {
  const auto& [snapshot, ask] = from;
  const auto options = [&](const WorkerView& w) { return decode_options(w, snapshot.groups[w.group], ask); };
  const WorkerView* d = pick(
      from,
      [&](const WorkerView& w) {
        if (!may_serve(w, ask)) return false;
        const DecodeOptions o = options(w);
        return o.split || o.local;
      },
      [&](const WorkerView& w) { return decode_load(w, options(w)); });
  if (d == nullptr) return std::nullopt;
  if (options(*d).local) return Decision{Mode::local, d->id, d->id};

  const Group& group = snapshot.groups[d->group];
  const auto partner = [&](const WorkerView& w) { return may_serve(w, ask) && may_prefill_for(w, *d, group); };
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
  return decide({snapshot, ask}, PickCheapest{});
}

Policy make_policy(PlacementPolicy policy) {
  switch (policy) {
    case PlacementPolicy::round_robin: return RoundRobin{};
    default: break;
  }
  return LeastLoaded{};
}

}  // namespace baton::schedule
