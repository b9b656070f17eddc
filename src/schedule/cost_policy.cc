#include "schedule/cost_policy.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "core/hash.h"
#include "perf/cost_model.h"
#include "schedule/eligible.h"

namespace baton::schedule {

namespace {

using cluster::Group;
using cluster::Snapshot;
using cluster::WorkerView;

/// What stands in for an objective nobody set: beyond it a path only gets dearer, never a violation.
constexpr double kSoftTtft_s = 30.0, kSoftItl_s = 0.5;
/// Price of a path that takes up its objectives whole, against an idle one's: 1 + this.
constexpr double kPressureWeight = 3.0;
/// How much a full batch presses, where a tight objective presses 1: room for bursts.
constexpr double kOccupancyWeight = 0.7;
/// Width of the random blur on prices and violations.
constexpr double kBlur = 0.04;
/// What a class that prefers spot capacity pays for other.
constexpr double kOnDemandFactor = 2.0;
constexpr double kAssumedBatch = 64;
/// Output tokens over which a sequence spreads the time it stood still for the prompts of others.
constexpr double kTypicalOutput = 200;
constexpr double kSecondsPerHour = 3600;

double preference(std::span<const float> factors, const WorkerView& w) {
  return w.gpu < factors.size() ? static_cast<double>(factors[w.gpu]) : 1.0;
}

double spot_factor(const WorkerView& w, const Ask& ask) { return ask.prefer_spot && !w.spot ? kOnDemandFactor : 1.0; }

std::uint8_t tier(const WorkerView& w, const Ask& ask) {
  const int avoided = contains(ask.avoid, w.id) ? PathCost::kAvoided : 0;
  const int unwanted = w.spot && !ask.allow_spot ? PathCost::kUnwantedSpot : 0;
  return static_cast<std::uint8_t>(avoided | unwanted);
}

double blur(const WorkerView& w, const Ask& ask) {
  const std::uint64_t bits = mix64(ask.random + 0x9e3779b97f4a7c15ULL * (w.id.value + 1ULL));
  return 1.0 + kBlur * (static_cast<double>(bits >> 11U) * 0x1p-53 - 0.5);
}

/// Sequences whose KV and places it has.
double batch_capacity(const WorkerView& w, double context) {
  const double places = w.max_batch > 0 ? w.max_batch : kAssumedBatch;
  if (w.total_blocks == 0) return places;
  const double room = static_cast<double>(w.total_blocks) * w.block_tokens / std::max(context, 1.0);
  return std::clamp(room, 1.0, places);
}

/// Fills in what follows from times and dollars. `weight` stands for preferences and the blur.
void weigh(PathCost& path, const Objectives& o, double occupancy, double weight) {
  const double ttft = path.ttft_s * o.per_ttft, itl = path.itl_s * o.per_itl;
  const double batch = kOccupancyWeight * occupancy;
  // Not the largest: however tight one is, the others still tell workers apart.
  path.pressure = std::sqrt(ttft * ttft + itl * itl + batch * batch);
  path.violation = (o.hard_ttft ? std::max(0.0, ttft - 1) : 0.0) + (o.hard_itl ? std::max(0.0, itl - 1) : 0.0);
  path.violation *= weight;
  path.price = path.dollars * (1 + kPressureWeight * path.pressure * path.pressure) * weight;
}

/// The two best of a group, in no order.
template <class Cost>
struct BestTwo {
  std::array<const Cost*, 2> cost{};
  std::array<PathCost, 2> rank{};

  void offer(const Cost& candidate, const PathCost& at) {
    const std::size_t slot = cost[0] == nullptr ? 0 : cost[1] == nullptr ? 1 : rank[0].better_than(rank[1]) ? 1 : 0;
    if (cost[slot] != nullptr && !at.better_than(rank[slot])) return;
    cost[slot] = &candidate;
    rank[slot] = at;
  }
};

/// One side alone, as if the other cost nothing: to find the best of each, and to bound what a pair can come to.
PathCost half(const PrefillCost& p, const Objectives& o) {
  PathCost path{.ttft_s = p.queue_s + p.own_s, .dollars = p.dollars + p.risk, .tier = p.tier};
  weigh(path, o, 0, p.preference);
  return path;
}
PathCost half(const DecodeCost& d, const Objectives& o) {
  PathCost path{.ttft_s = d.wait_s, .itl_s = d.itl_s, .dollars = d.dollars + d.risk, .tier = d.tier};
  weigh(path, o, d.occupancy, d.preference);
  return path;
}

struct Sides {
  std::vector<PrefillCost> prefill;
  std::vector<DecodeCost> decode;
  bool partner_is_busy = false;  ///< somebody could prefill, were it not full or refusing
};

Sides cost_sides(const Snapshot& snapshot, const Ask& ask) {
  Sides sides;
  sides.prefill.reserve(snapshot.workers.size());
  sides.decode.reserve(snapshot.workers.size());
  auto hint = ask.cached.begin();
  for (const WorkerView& w : snapshot.workers) {
    if (!w.placeable() || !w.fits_context(ask.tokens)) continue;
    const bool excluded = contains(ask.exclude, w.id);
    const Group& group = snapshot.groups[w.group];
    const std::int64_t cached = cached_tokens(w, ask, hint);
    const bool may_prefill = w.role == Role::prefill || (w.role == Role::both && group.prefill == 0);
    if (may_prefill) {
      PrefillCost p = prefill_cost(w, ask, cached);
      const bool busy = excluded || prefill_saturated(ask, p.queue_s);
      sides.partner_is_busy = sides.partner_is_busy || busy;
      if (!busy) sides.prefill.push_back(p);
    }
    if (excluded || decode_saturated(w, ask)) continue;
    const DecodeOptions options = decode_options(w, group, ask);
    // Any worker that decodes can compute a prompt: whether it should is a matter of cost.
    const bool local = options.local || (options.split && w.role != Role::prefill);
    if (!options.split && !local) continue;
    DecodeCost d = decode_cost(w, ask, cached);
    d.split = options.split;
    d.local = local && !prefill_saturated(ask, backlog_s(w, static_cast<double>(ask.tokens - cached)));
    d.local_factor = local_factor(w, group, ask);
    sides.decode.push_back(d);
  }
  return sides;
}

/// Keeps the best of the paths offered.
struct Search {
  const Ask& ask;
  const Objectives& objectives;
  std::optional<PathCost> best = std::nullopt;

  void offer(const PathCost& path) {
    if (!best || path.better_than(*best)) best = path;
  }
  void pair(const PrefillCost& p, const DecodeCost& d, const Group& group) {
    if (!d.split || !may_prefill_for(*p.worker, *d.worker, group)) return;
    // TTFT and the transfer only add to this.
    const double least = (p.dollars + p.risk + d.dollars + d.risk) * p.preference * d.preference * d.dearth;
    if (!cannot_win(least, p.tier | d.tier)) offer(split_cost(p, d, ask, objectives));
  }
  void alone(const DecodeCost& d) {
    if (!d.local) return;
    // The prompt only adds to this.
    const double least = (d.dollars + d.risk) * d.local_factor * d.preference * d.dearth;
    if (!cannot_win(least, d.tier)) offer(local_cost(d, ask, objectives));
  }
  bool cannot_win(double least_price, int tier) const {
    return best && best->violation <= 0 && tier >= best->tier && least_price >= best->price;
  }
};

}  // namespace

Objectives::Objectives(const Ask& ask)
    : per_ttft(1 / (ask.slo.ttft_ms > 0 ? ask.slo.ttft_ms * 1e-3 * ask.slo_headroom : kSoftTtft_s)),
      per_itl(1 / (ask.slo.itl_ms > 0 ? ask.slo.itl_ms * 1e-3 * ask.slo_headroom : kSoftItl_s)),
      hard_ttft(ask.slo.ttft_ms > 0),
      hard_itl(ask.slo.itl_ms > 0) {}

PrefillCost prefill_cost(const WorkerView& w, const Ask& ask, std::int64_t cached) {
  PrefillCost p{.worker = &w, .cached = cached};
  const auto own = static_cast<double>(ask.tokens - cached);
  p.own_s = perf::prefill_s(w.replica, own, static_cast<double>(cached));
  p.queue_s = backlog_s(w, own);
  p.dollars = perf::dollars(w.replica, p.own_s) * spot_factor(w, ask);
  if (w.spot) p.risk = p.dollars * std::min(1.0, ask.spot_losses_per_hour / kSecondsPerHour * (p.queue_s + p.own_s));
  p.preference = preference(ask.prefer_prefill, w) * blur(w, ask);
  p.tier = tier(w, ask);
  return p;
}

DecodeCost decode_cost(const WorkerView& w, const Ask& ask, std::int64_t cached) {
  DecodeCost d{.worker = &w, .cached = cached};
  const double output = std::max(ask.output_mean, 1.0);
  const double own_context = static_cast<double>(ask.tokens) + output / 2;
  const double sequences = w.sequences() + 1;
  d.context = (static_cast<double>(w.context_tokens()) + own_context) / sequences;
  const double capacity = batch_capacity(w, d.context);
  d.batch = w.expected.batch;
  d.itl_s = w.expected.step_s + w.expected.context_token_s * own_context;
  // Those in front leave one by one.
  const double in_front = sequences - std::min(d.batch, capacity);
  if (in_front > 0) d.wait_s = in_front * output * d.itl_s / d.batch;
  d.occupancy = sequences / capacity;
  d.dollars = perf::dollars(w.replica, output * d.itl_s) / capacity * spot_factor(w, ask);
  if (w.spot) {
    const double lost = std::min(1.0, ask.spot_losses_per_hour / kSecondsPerHour * output * d.itl_s);
    const double redo = perf::dollars(w.replica, perf::prefill_s(w.replica, static_cast<double>(ask.tokens), 0));
    d.risk = lost * (redo + d.dollars);
  }
  d.preference = preference(ask.prefer_decode, w) * blur(w, ask);
  d.tier = static_cast<std::uint8_t>(tier(w, ask) | (w.has_room(ask.room_tokens()) ? 0 : PathCost::kNoRoom));
  return d;
}

PathCost split_cost(const PrefillCost& p, const DecodeCost& d, const Ask& ask, const Objectives& o) {
  PathCost path{.mode = Mode::split, .prefill = p.worker->id, .decode = d.worker->id};
  const auto moved = static_cast<double>(ask.tokens - d.cached);
  const double bytes = moved * d.worker->replica.kv_bytes_per_token();
  double transfer_dollars = 0;
  if (ask.links != nullptr) {
    const perf::Link& link = ask.links->between(*p.worker, *d.worker);
    path.transfer_s = perf::exposed_transfer_s(link, bytes, p.own_s, p.worker->replica.shape.layers);
    const bool remote = cluster::distance(*p.worker, *d.worker) == cluster::Distance::remote;
    if (remote) transfer_dollars = bytes * ask.remote_dollars_per_byte;
  }
  path.ttft_s = p.queue_s + p.own_s + path.transfer_s + d.wait_s;
  path.itl_s = d.itl_s;
  path.dollars = p.dollars + p.risk + d.dollars + d.risk + transfer_dollars;
  path.tier = static_cast<std::uint8_t>(p.tier | d.tier);
  weigh(path, o, d.occupancy, p.preference * d.preference);
  return path;
}

PathCost local_cost(const DecodeCost& d, const Ask& ask, const Objectives& o) {
  const WorkerView& w = *d.worker;
  PathCost path{.mode = Mode::local, .prefill = w.id, .decode = w.id};
  const auto own = static_cast<double>(ask.tokens - d.cached);
  const double own_s = perf::prefill_s(w.replica, own, static_cast<double>(d.cached));
  path.ttft_s = backlog_s(w, own) + own_s + d.wait_s + d.itl_s;
  // In the steady state each step also prefills batch / output prompts. It is the others that stand still for ours, and
  // their output is not ours: a prompt with a short answer does them no more harm than one with a long answer.
  path.itl_s = d.itl_s + (d.batch - 1) / kTypicalOutput * own_s;
  const double prefill_dollars = perf::dollars(w.replica, own_s) * spot_factor(w, ask);
  path.dollars = (prefill_dollars + d.dollars + d.risk) * d.local_factor;
  path.tier = d.tier;
  weigh(path, o, d.occupancy, d.preference);
  return path;
}

std::optional<Decision> CheapestPath::operator()(const Snapshot& snapshot, const Ask& ask) const {
  Sides sides = cost_sides(snapshot, ask);
  const Objectives objectives(ask);
  std::vector<BestTwo<PrefillCost>> best_prefill(snapshot.groups.size());
  std::vector<BestTwo<DecodeCost>> best_decode(snapshot.groups.size());
  for (const PrefillCost& p : sides.prefill) best_prefill[p.worker->group].offer(p, half(p, objectives));
  for (DecodeCost& d : sides.decode) {
    const PathCost alone = half(d, objectives);
    d.dearth = 1 + kPressureWeight * alone.pressure * alone.pressure;
    best_decode[d.worker->group].offer(d, alone);
  }
  Search search{ask, objectives};
  const auto meet = [&](const PrefillCost* p, const DecodeCost* d) {
    if (p != nullptr && d != nullptr) search.pair(*p, *d, snapshot.groups[d->worker->group]);
  };
  for (std::size_t i = 0; i < snapshot.groups.size(); ++i) {
    for (const DecodeCost* d : best_decode[i].cost) {
      for (const PrefillCost* p : best_prefill[i].cost) meet(p, d);
    }
  }
  for (const DecodeCost& d : sides.decode) {
    search.alone(d);
    for (const PrefillCost* p : best_prefill[d.worker->group].cost) meet(p, &d);
  }
  for (const PrefillCost& p : sides.prefill) {
    for (const DecodeCost* d : best_decode[p.worker->group].cost) meet(&p, d);
  }
  if (!search.best) return std::nullopt;
  const PathCost& best = *search.best;
  // A decode worker takes a prompt over from busy prefill workers only for the sake of an objective it can meet.
  const WorkerView& home = *snapshot.find(best.decode);
  const bool overflow = best.mode == Mode::local && sides.partner_is_busy && local_factor(home, snapshot.groups[home.group], ask) > 1;
  const bool promised = ask.slo.ttft_ms > 0 || ask.slo.itl_ms > 0;
  if (overflow && !(promised && best.violation <= 0)) return std::nullopt;
  return Decision{best.mode, best.prefill, best.decode, best.violation <= 0};
}

}  // namespace baton::schedule
