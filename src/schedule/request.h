#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "baton/error.h"
#include "baton/types.h"
#include "classify/features.h"
#include "classify/length.h"
#include "cluster/worker.h"
#include "core/clock.h"

namespace baton::schedule {

/// One worker's part in an attempt. Open: the worker may hold something of it, and what it takes is booked.
struct Side {
  WorkerId worker;
  cluster::Booking booking;
  bool open = false;
};

/// One dispatch of a request. Mode::local uses `decode` alone.
struct Attempt {
  AttemptId id;
  Mode mode = Mode::local;
  Side prefill;
  Side decode;
  std::int32_t base = 0;     ///< index of the first token this attempt makes
  bool ticket = false;       ///< D reserved and P was told where to push
  bool first_token = false;  ///< token `base` came
  bool handed = false;       ///< D has the KV
  bool prefill_released = false;  ///< P said so: it holds nothing but its prefix cache
  std::uint64_t kv_bytes = 0;
  TimePoint phase_deadline = kNever;
};

/// A request from Arrive to its end. It either runs (has an attempt) or waits.
struct Request {
  RequestId id;
  std::uint64_t order = 0;  ///< of arrival; a request that must wait again keeps its place
  std::shared_ptr<const GenerationSpec> spec;
  TimePoint deadline = kNever;
  TimePoint arrived_at{};

  classify::Features features;
  classify::LengthForecast forecast;
  std::int32_t asked_class = 0;   ///< index of its class
  std::int32_t served_class = 0;  ///< of the class whose objectives count: its own or that one's fallback
  std::int32_t priority = 0;
  std::uint64_t tenant = 0;       ///< whom fairness charges
  double charged = 0;             ///< virtual tokens (FairQueue)
  std::size_t delivered_when_charged = 0;
  std::vector<std::uint64_t> prefix_hashes;
  bool explain = false;

  std::vector<TokenId> delivered;
  std::int32_t prompt_delivered = 0;  ///< prompt tokens whose logprobs the client got
  std::vector<TokenOut> early;  ///< tokens whose predecessors are still missing, by index; bounded by kMaxEarlyTokens

  bool running = false;
  bool parked = false;  ///< waits until the set of workers changes: nobody there can serve it
  Attempt attempt;  ///< meaningful while running
  std::int32_t dispatched = 0;
  std::int32_t failures = 0;
  std::int32_t handover_failures = 0;
  std::vector<WorkerId> avoid;  ///< where it failed
  std::optional<WorkerId> cached_on;

  std::vector<WorkerId> refused_by;  ///< no room there when last asked
  std::int32_t refusals = 0;         ///< in a row
  TimePoint wait_deadline = kNever;
  TimePoint no_path_deadline = kNever;
  TimePoint probe_at = kNever;  ///< when those that refused are asked again anyway
  TimePoint timer = kNever;     ///< its entry in the timer set

  std::optional<std::int32_t> cached_tokens;
  std::uint64_t kv_bytes = 0;  ///< of ended attempts

  /// Index of the next token the client gets.
  std::int32_t next_index() const { return spec->generated + static_cast<std::int32_t>(delivered.size()); }
  /// Tokens a new attempt has to prefill.
  std::int64_t tokens() const { return static_cast<std::int64_t>(spec->tokens.size() + delivered.size()); }
};

}  // namespace baton::schedule
