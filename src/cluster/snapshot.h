#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "baton/types.h"
#include "cluster/worker.h"
#include "perf/replica.h"

namespace baton::cluster {

enum class WorkerState : std::uint8_t { connecting, up, draining, down };

/// One worker as placement sees it: what it is, what it reported, and what was booked here since.
///
/// A report says nothing of what is still on its way to the worker, and nothing here says what other routers send.
/// So an estimate is the report plus the change of our own bookings since it came, and never less than our own.
struct WorkerView {
  WorkerId id;
  Role role = Role::both;  ///< as which it is placed on: its own, or what it was steered to
  bool flexible = false;   ///< its own role is both
  WorkerState state = WorkerState::connecting;
  std::uint32_t group = 0;  ///< index into Snapshot::groups
  std::int32_t block_tokens = 16;
  std::int32_t total_blocks = 0;  ///< 0: unknown
  std::int32_t max_batch = 0;     ///< 0: unknown
  std::int32_t max_context = 0;   ///< tokens, never more than the pool holds; 0: unknown
  std::uint32_t gpu = 0;                       ///< index into Snapshot::gpu_types
  std::uint32_t host = 0, rack = 0, zone = 0;  ///< equal numbers are the same place; 0: unknown
  bool spot = false;
  bool is_modelled = false;     ///< it told what the cost model needs; else `replica` is the neutral one
  double dollars_per_hour = 0;  ///< > 0
  perf::Replica replica;        ///< with the constants fitted to its own steps
  /// What placement asks of every worker for every request, kept up to date by Membership. Exact, because a step's
  /// time is linear in the tokens it reads.
  struct Expected {
    double batch = 1;            ///< sequences with one more, as far as the batch holds them
    double step_s = 0;           ///< a decode step then, without the newcomer's own context
    double context_token_s = 0;  ///< what each token of that adds to it
    double backlog_s = 0;        ///< to compute all prompts that wait there
    double mean_prompt = 0;      ///< tokens of one of those
  } expected;
  WorkerLoad reported;
  Booking booked;            ///< open here and now
  Booking booked_at_report;  ///< open when `reported` came

  bool placeable() const { return state == WorkerState::up; }
  bool fits_context(std::int64_t tokens) const { return max_context == 0 || tokens <= max_context; }
  /// Blocks for the KV of `tokens` and of the token that comes next.
  std::int32_t blocks_for(std::int64_t tokens) const {
    return static_cast<std::int32_t>(tokens / block_tokens) + 1;
  }

  /// Estimated sequences there, running and waiting.
  std::int32_t sequences() const {
    return std::max(booked.sequences,
                    reported.running + reported.waiting + booked.sequences - booked_at_report.sequences);
  }
  /// Estimated prompt tokens it has yet to compute.
  std::int64_t prefill_tokens() const {
    return std::max(booked.prefill_tokens,
                    reported.waiting_prefill_tokens + booked.prefill_tokens - booked_at_report.prefill_tokens);
  }
  /// Estimated sequences whose prompts it has yet to compute.
  std::int32_t prefills() const {
    const std::int32_t known = std::max(booked.prefills, reported.waiting + booked.prefills - booked_at_report.prefills);
    return std::max(known, prefill_tokens() > 0 ? 1 : 0);
  }
  /// Estimated tokens of KV its sequences hold.
  std::int64_t context_tokens() const {
    const std::int64_t used = std::int64_t{total_blocks - reported.free_blocks} * block_tokens;
    return std::max(booked.context_tokens, used + booked.context_tokens - booked_at_report.context_tokens);
  }
  /// Estimated free blocks; may be negative when more was booked than fits.
  std::int32_t free_blocks() const {
    return std::min(total_blocks - booked.blocks, reported.free_blocks - (booked.blocks - booked_at_report.blocks));
  }
  bool has_room(std::int64_t tokens) const { return total_blocks == 0 || free_blocks() >= blocks_for(tokens); }
};

/// How many placeable workers of each role share a model and a block size, and so can pair.
struct Group {
  std::int32_t prefill = 0, decode = 0, both = 0;
};

/// The cluster at one instant. A value: copies stay as they are.
struct Snapshot {
  std::vector<WorkerView> workers;  ///< by ascending id, whatever their state
  std::vector<Group> groups;
  std::vector<std::string> gpu_types{std::string()};  ///< by WorkerView::gpu

  const WorkerView* find(WorkerId id) const {
    const auto at = std::ranges::lower_bound(workers, id, {}, &WorkerView::id);
    return at != workers.end() && at->id == id ? &*at : nullptr;
  }
};

}  // namespace baton::cluster
