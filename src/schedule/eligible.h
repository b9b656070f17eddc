#pragma once

#include <algorithm>
#include <span>

#include "cluster/snapshot.h"
#include "schedule/ask.h"

namespace baton::schedule {

/// Which worker may serve which part of a request is the same for all policies:
///  - Only workers that are up, whose context holds the tokens, and that are not excluded or full.
///  - P and D share model and block size.
///  - A worker for both roles serves a request whole unless its group has dedicated prefill workers; as the prefill
///    side it only serves dedicated decode workers.
///  - local_below_tokens, local_only and role_fallback make requests local.

inline bool contains(std::span<const WorkerId> ids, WorkerId id) { return std::ranges::find(ids, id) != ids.end(); }

/// Tokens of the prompt the worker has cached; `hint` starts at ask.cached.begin() and moves along with ascending
/// workers. At least one token is always computed: its logits are needed.
inline std::int64_t cached_tokens(const cluster::WorkerView& w, const Ask& ask,
                                  std::span<const cluster::PrefixHit>::iterator& hint) {
  if (ask.cached_on == w.id) return ask.tokens - 1;
  while (hint != ask.cached.end() && hint->worker < w.id) ++hint;
  if (hint == ask.cached.end() || hint->worker != w.id || w.block_tokens != ask.cached_block_tokens) return 0;
  return std::min(hint->blocks * ask.cached_block_tokens, ask.tokens - 1);
}

/// Until a prompt of which `tokens` are to be computed gets its turn. Engines prefill the shortest first, so of a
/// backlog of longer prompts only that part counts by which ours is shorter than their mean.
inline double backlog_s(const cluster::WorkerView& w, double tokens) {
  const double mean = w.expected.mean_prompt;
  return tokens < mean ? w.expected.backlog_s * tokens / mean : w.expected.backlog_s;
}

/// Its batch is full and so is the queue behind it that keeps the batch filled.
inline bool batch_saturated(const cluster::WorkerView& w) {
  return w.max_batch > 0 && w.sequences() >= w.max_batch + std::max(2, w.max_batch / 4);
}

/// More work would only wait there: it waits better in the router, where priority and fairness order it.
inline bool decode_saturated(const cluster::WorkerView& w, const Ask& ask) {
  return ask.hold_s > 0 && batch_saturated(w);
}
inline bool prefill_saturated(const Ask& ask, double queue_s) { return ask.hold_s > 0 && queue_s > ask.hold_s; }

inline bool may_serve(const cluster::WorkerView& w, const Ask& ask) {
  return w.placeable() && w.fits_context(ask.tokens) && !contains(ask.exclude, w.id);
}

/// Whether a worker that decodes would be given a prefill partner, and whether it may do without.
struct DecodeOptions {
  bool split = false;
  bool local = false;
};

inline DecodeOptions decode_options(const cluster::WorkerView& w, const cluster::Group& group, const Ask& ask) {
  if (w.role == Role::prefill) {
    const bool alone = group.decode + group.both == 0;
    return {.split = false, .local = alone && ask.role_fallback};
  }
  if (ask.tokens < ask.local_below_tokens || ask.local_only) return {.split = false, .local = true};
  const bool partner = group.prefill > 0 || (w.role == Role::decode && group.both > 0);
  if (partner) return {.split = true, .local = false};
  return {.split = false, .local = w.role == Role::both || ask.role_fallback};
}

/// On the price of a whole request: what keeps workers whose role is to decode from taking prompts for little gain,
/// as long as there are others to prefill.
inline double local_factor(const cluster::WorkerView& w, const cluster::Group& group, const Ask& ask) {
  constexpr double kRoleLoyalty = 1.25;
  return w.role == Role::both || decode_options(w, group, ask).local ? 1.0 : kRoleLoyalty;
}

inline bool may_prefill_for(const cluster::WorkerView& p, const cluster::WorkerView& d, const cluster::Group& group) {
  if (p.id == d.id || p.group != d.group || p.role == Role::decode) return false;
  return p.role == Role::prefill || group.prefill == 0;
}

}  // namespace baton::schedule
