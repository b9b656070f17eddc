#include "schedule/explain_placement.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "schedule/cost_policy.h"
#include "schedule/eligible.h"

namespace baton::schedule {

namespace {

using cluster::WorkerView;
using Names = std::function<std::string(WorkerId)>;

PrefillTerms terms_of(const PrefillCost& p, const Ask& ask, const Names& name_of) {
  return {.worker = name_of(p.worker->id),
          .cached_tokens = p.cached,
          .queue_s = p.queue_s,
          .prefill_s = p.own_s,
          .dollars = p.dollars,
          .risk_dollars = p.risk,
          .preference = p.preference,
          .saturated = prefill_saturated(ask, p.queue_s)};
}

DecodeTerms terms_of(const DecodeCost& d, const Ask& ask, const Names& name_of) {
  return {.worker = name_of(d.worker->id),
          .cached_tokens = d.cached,
          .batch = d.batch,
          .mean_context = d.context,
          .itl_s = d.itl_s,
          .dollars = d.dollars,
          .risk_dollars = d.risk,
          .preference = d.preference,
          .has_room = (d.tier & PathCost::kNoRoom) == 0,
          .saturated = decode_saturated(*d.worker, ask)};
}

PathTerms terms_of(const PathCost& path, const Names& name_of) {
  return {.mode = path.mode,
          .prefill = name_of(path.prefill),
          .decode = name_of(path.decode),
          .transfer_s = path.transfer_s,
          .ttft_s = path.ttft_s,
          .itl_s = path.itl_s,
          .dollars = path.dollars,
          .pressure = path.pressure,
          .violation = path.violation,
          .price = path.price};
}

struct Sides {
  std::vector<PrefillCost> prefill;
  std::vector<DecodeCost> decode;
};

Sides sides_of(const cluster::Snapshot& snapshot, const Ask& ask) {
  Sides sides;
  auto hint = ask.cached.begin();
  for (const WorkerView& w : snapshot.workers) {
    if (!may_serve(w, ask)) continue;
    const cluster::Group& group = snapshot.groups[w.group];
    const std::int64_t cached = cached_tokens(w, ask, hint);
    if (w.role == Role::prefill || (w.role == Role::both && group.prefill == 0)) {
      sides.prefill.push_back(prefill_cost(w, ask, cached));
    }
    const DecodeOptions options = decode_options(w, group, ask);
    if (!options.split && !options.local) continue;
    DecodeCost d = decode_cost(w, ask, cached);
    d.split = options.split;
    d.local = options.local || w.role != Role::prefill;
    d.local_factor = local_factor(w, group, ask);
    sides.decode.push_back(d);
  }
  return sides;
}

/// The best ways over each decode worker: locally, and with its best prefill worker.
std::vector<PathCost> paths_of(const Sides& sides, const cluster::Snapshot& snapshot, const Ask& ask) {
  std::vector<PathCost> paths;
  const Objectives objectives(ask);
  for (const DecodeCost& d : sides.decode) {
    if (d.local) paths.push_back(local_cost(d, ask, objectives));
    std::optional<PathCost> best;
    for (const PrefillCost& p : sides.prefill) {
      if (!d.split || !may_prefill_for(*p.worker, *d.worker, snapshot.groups[d.worker->group])) continue;
      const PathCost path = split_cost(p, d, ask, objectives);
      if (!best || path.better_than(*best)) best = path;
    }
    if (best) paths.push_back(*best);
  }
  std::ranges::stable_sort(paths, [](const PathCost& a, const PathCost& b) { return a.better_than(b); });
  if (paths.size() > Explanation::kMaxPaths) paths.resize(Explanation::kMaxPaths);
  return paths;
}

PathCost chosen_path(const cluster::Snapshot& snapshot, const Ask& ask, const Decision& decision) {
  const WorkerView& p = *snapshot.find(decision.prefill);
  const WorkerView& d = *snapshot.find(decision.decode);
  auto p_hint = ask.cached.begin(), d_hint = ask.cached.begin();
  const Objectives objectives(ask);
  DecodeCost decode = decode_cost(d, ask, cached_tokens(d, ask, d_hint));
  decode.local_factor = local_factor(d, snapshot.groups[d.group], ask);
  if (decision.mode == Mode::local) return local_cost(decode, ask, objectives);
  return split_cost(prefill_cost(p, ask, cached_tokens(p, ask, p_hint)), decode, ask, objectives);
}

std::string reason_of(const Explanation& e, const PathCost& chosen) {
  const std::string where = chosen.mode == Mode::local ? e.chosen.decode + " does all of it"
                                                       : e.chosen.prefill + " prefills, " + e.chosen.decode + " decodes";
  const auto rank = std::ranges::find_if(
      e.paths, [&](const PathTerms& t) { return t.mode == e.chosen.mode && t.prefill == e.chosen.prefill && t.decode == e.chosen.decode; });
  if (rank != e.paths.begin()) return where + ": by the policy, which does not go by price.";
  if ((chosen.tier & PathCost::kAvoided) != 0) return where + ": it failed there before, but nobody else can.";
  if ((chosen.tier & PathCost::kNoRoom) != 0) return where + ": nobody has room for the predicted output, it has the best price.";
  if (chosen.violation > 0) return where + ": nobody can meet the objectives, this violates them least.";
  return where + ": the lowest price of those that meet the objectives.";
}

}  // namespace

Explanation explain_placement(const cluster::Snapshot& snapshot, const Ask& ask, const Decision& decision,
                              const Names& name_of) {
  const Sides sides = sides_of(snapshot, ask);
  Explanation out;
  out.tokens = ask.tokens;
  out.slo = ask.slo;
  for (const PrefillCost& p : sides.prefill) out.prefill.push_back(terms_of(p, ask, name_of));
  for (const DecodeCost& d : sides.decode) out.decode.push_back(terms_of(d, ask, name_of));
  for (const PathCost& path : paths_of(sides, snapshot, ask)) out.paths.push_back(terms_of(path, name_of));
  const PathCost chosen = chosen_path(snapshot, ask, decision);
  out.chosen = terms_of(chosen, name_of);
  out.reason = reason_of(out, chosen);
  return out;
}

}  // namespace baton::schedule
