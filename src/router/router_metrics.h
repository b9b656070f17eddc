#pragma once

#include <string_view>

#include "metrics/registry.h"

namespace baton::router {

/// Everything the router measures, looked up once. Shared by the shards; thread-safe.
struct RouterMetrics {
  explicit RouterMetrics(metrics::Registry& registry);

  metrics::Family<metrics::Counter>& requests;  ///< route, status
  metrics::Histogram& ttft_s;                   ///< arrival to first token
  metrics::Histogram& itl_s;                    ///< between tokens of one choice
  metrics::Histogram& e2e_s;                    ///< arrival to the end of the answer
  metrics::Gauge& in_flight;                    ///< generation requests being answered
  metrics::Family<metrics::Gauge>& queued;      ///< shard
  metrics::Family<metrics::Gauge>& running;     ///< shard
  metrics::Counter& prompt_tokens;
  metrics::Counter& cached_prompt_tokens;
  metrics::Counter& generation_tokens;
  metrics::Counter& client_disconnects;
  metrics::Counter& retries;
  metrics::Counter& replays;
  metrics::Family<metrics::Counter>& placements;         ///< mode: split, local
  metrics::Family<metrics::Counter>& kv_transfer_bytes;  ///< transport
  metrics::Family<metrics::Counter>& kv_transfers;       ///< transport
  metrics::Family<metrics::Gauge>& workers_up;           ///< role: how many are connected
  metrics::Counter& shed;                                ///< refused early
  metrics::Counter& fallbacks;                           ///< placed by their class's fallback
  metrics::Counter& flips;                               ///< of workers for both roles
  metrics::Family<metrics::Gauge>& golden_ratio;         ///< shard
  metrics::Family<metrics::Gauge>& pool_load;            ///< shard, phase
  metrics::Family<metrics::Gauge>& pool_work_s;          ///< shard, phase
  metrics::Family<metrics::Gauge>& length_forecast;      ///< shard, figure
  /// What each worker last reported; all zero while it is away.
  struct WorkerGauges {
    metrics::Gauge& up;
    metrics::Gauge& total_blocks;
    metrics::Gauge& free_blocks;
    metrics::Gauge& cached_blocks;
    metrics::Gauge& draining_blocks;
    metrics::Gauge& reserved_blocks;
    metrics::Gauge& running;
    metrics::Gauge& waiting;
    metrics::Gauge& kv_bytes_sent;
    metrics::Gauge& kv_bytes_received;
    metrics::Gauge& prefill_tokens;
    metrics::Gauge& decode_tokens;
    metrics::Gauge& prefix_hit_tokens;
    metrics::Gauge& preemptions;
    void clear();
  };
  WorkerGauges worker(std::string_view name);

 private:
  metrics::Registry& registry_;
};

}  // namespace baton::router
