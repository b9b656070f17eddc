#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "baton/config.h"
#include "baton/types.h"
#include "cluster/links.h"
#include "cluster/prefix_map.h"

namespace baton::schedule {

/// What a placement is asked for. Spans and pointers are borrowed for the call.
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
  // What is expected and promised.
  double output_mean = 0, output_p90 = 0;  ///< tokens yet to come
  SloConfig slo = {};
  double slo_headroom = 1;
  bool allow_spot = true;    ///< false: spot workers are taken only if nobody else can
  bool prefer_spot = false;
  double spot_losses_per_hour = 0;
  std::span<const float> prefer_prefill = {};  ///< price factors by WorkerView::gpu; empty: 1
  std::span<const float> prefer_decode = {};
  // What is where.
  std::span<const cluster::PrefixHit> cached = {};  ///< by ascending worker
  std::int64_t cached_block_tokens = 16;            ///< tokens of a block in `cached`
  const cluster::LinkTable* links = nullptr;        ///< nullptr: moving KV costs nothing
  double remote_dollars_per_byte = 0;
  double hold_s = 0;  ///< workers with more backlog than this count as full; 0: no limit

  /// Tokens whose KV the decoding side will have to hold.
  std::int64_t room_tokens() const { return tokens + static_cast<std::int64_t>(output_p90); }
};

/// split: two different workers. local: `prefill` equals `decode`.
struct Decision {
  Mode mode = Mode::split;
  WorkerId prefill;
  WorkerId decode;
  bool meets_slo = true;  ///< as far as the policy can tell
  friend bool operator==(const Decision&, const Decision&) = default;
};

}  // namespace baton::schedule
