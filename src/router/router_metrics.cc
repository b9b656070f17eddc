#include "router/router_metrics.h"

namespace baton::router {

RouterMetrics::RouterMetrics(metrics::Registry& r)
    : requests(r.counters({"baton_requests_total", "HTTP requests answered.", {"route", "status"}})),
      ttft_s(r.histogram("baton_time_to_first_token_seconds", "From arrival to the first token.",
                         metrics::latency_bounds_s())),
      itl_s(r.histogram("baton_inter_token_latency_seconds", "Between two tokens of one choice.",
                        metrics::exponential_bounds(0.0005, 2.0, 14))),
      e2e_s(r.histogram("baton_request_duration_seconds", "From arrival to the end of the answer.",
                        metrics::latency_bounds_s())),
      in_flight(r.gauge("baton_requests_in_flight", "Generation requests being answered.")),
      queued(r.gauges({"baton_queue_requests", "Requests waiting for placement.", {"shard"}})),
      running(r.gauges({"baton_running_requests", "Requests placed on workers.", {"shard"}})),
      prompt_tokens(r.counter("baton_prompt_tokens_total", "Prompt tokens of admitted requests.")),
      cached_prompt_tokens(r.counter("baton_cached_prompt_tokens_total", "Prompt tokens found in a prefix cache.")),
      generation_tokens(r.counter("baton_generation_tokens_total", "Tokens generated for clients.")),
      client_disconnects(r.counter("baton_client_disconnects_total", "Clients that left before their answer ended.")),
      retries(r.counter("baton_retries_total", "Attempts repeated before their first token.")),
      replays(r.counter("baton_replays_total", "Attempts continued elsewhere after their first token.")),
      placements(r.counters({"baton_placements_total", "Attempts by mode.", {"mode"}})),
      kv_transfer_bytes(r.counters({"baton_kv_transfer_bytes_total", "KV cache moved between workers.", {"transport"}})),
      kv_transfers(r.counters({"baton_kv_transfers_total", "KV hand-overs completed.", {"transport"}})),
      worker_up(r.gauges({"baton_worker_up", "1 while the worker is connected.", {"worker", "role"}})),
      worker_blocks(r.gauges({"baton_worker_kv_blocks", "KV blocks by state.", {"worker", "state"}})),
      worker_sequences(r.gauges({"baton_worker_sequences", "Sequences by state.", {"worker", "state"}})),
      worker_kv_bytes(r.gauges({"baton_worker_kv_bytes", "KV bytes since the worker started.", {"worker", "direction"}})),
      worker_tokens(r.gauges({"baton_worker_tokens", "Tokens since the worker started.", {"worker", "kind"}})),
      worker_preemptions(r.gauges({"baton_worker_preemptions", "Preemptions since the worker started.", {"worker"}})) {}

}  // namespace baton::router
