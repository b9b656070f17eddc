#pragma once

#include <string_view>

#include "metrics/registry.h"

namespace baton::router {

/// Everything the router measures, looked up once. Shared by the shards; thread-safe.
struct RouterMetrics {
  explicit RouterMetrics(metrics::Registry& registry);

  metrics::Family<metrics::Counter>& requests;         ///< route, status
  metrics::Histogram& ttft_s;                          ///< arrival to first token
  metrics::Histogram& itl_s;                           ///< between tokens of one choice
  metrics::Histogram& e2e_s;                           ///< arrival to the end of the answer
  metrics::Gauge& in_flight;                           ///< generation requests being answered
  metrics::Family<metrics::Gauge>& queued;             ///< shard
  metrics::Family<metrics::Gauge>& running;            ///< shard
  metrics::Counter& prompt_tokens;
  metrics::Counter& cached_prompt_tokens;
  metrics::Counter& generation_tokens;
  metrics::Counter& client_disconnects;
  metrics::Counter& retries;
  metrics::Counter& replays;
  metrics::Family<metrics::Counter>& placements;       ///< mode: split, local
  metrics::Family<metrics::Counter>& kv_transfer_bytes;  ///< transport
  metrics::Family<metrics::Counter>& kv_transfers;       ///< transport
  metrics::Family<metrics::Gauge>& worker_up;            ///< worker, role
  metrics::Family<metrics::Gauge>& worker_blocks;        ///< worker, state: total, free, cached, draining
  metrics::Family<metrics::Gauge>& worker_sequences;     ///< worker, state: running, waiting, reserved
  metrics::Family<metrics::Gauge>& worker_kv_bytes;      ///< worker, direction: sent, received
  metrics::Family<metrics::Gauge>& worker_tokens;        ///< worker, kind: prefill, decode, prefix_hit
  metrics::Family<metrics::Gauge>& worker_preemptions;   ///< worker
};

}  // namespace baton::router
