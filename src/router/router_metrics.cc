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
      kv_transfer_bytes(
          r.counters({"baton_kv_transfer_bytes_total", "KV cache moved between workers.", {"transport"}})),
      kv_transfers(r.counters({"baton_kv_transfers_total", "KV hand-overs completed.", {"transport"}})),
      workers_up(r.gauges({"baton_workers_up", "Connected workers.", {"role"}})),
      shed(r.counter("baton_shed_total", "Requests refused early because they would have waited too long.")),
      fallbacks(r.counter("baton_class_fallbacks_total", "Requests placed by their class's fallback.")),
      flips(r.counter("baton_phase_flips_total", "Times a worker for both roles was steered to one, or back.")),
      golden_ratio(r.gauges({"baton_golden_ratio", "Prefill work per decode work, of the last minutes.", {"shard"}})),
      pool_load(r.gauges({"baton_pool_load", "Worker-seconds of work per second and worker.", {"shard", "phase"}})),
      pool_work_s(r.gauges({"baton_pool_work_seconds", "Expected worker-seconds dispatched.", {"shard", "phase"}})),
      length_forecast(r.gauges({"baton_output_length_forecast",
                                "Forecasts of output length since the start: observed, mean_absolute_error, "
                                "mean_actual, mean_predicted, p50_coverage, p90_coverage.",
                                {"shard", "figure"}})),
      registry_(r) {}

RouterMetrics::WorkerGauges RouterMetrics::worker(std::string_view name) {
  const auto gauge = [&](std::string family, std::string help) -> metrics::Gauge& {
    return registry_.gauges({std::move(family), std::move(help), {"worker"}}).with({name});
  };
  return {
      .up = gauge("baton_worker_up", "1 while the worker is connected."),
      .total_blocks = gauge("baton_worker_total_blocks", "KV blocks of the worker."),
      .free_blocks = gauge("baton_worker_free_blocks", "KV blocks free or evictable."),
      .cached_blocks = gauge("baton_worker_cached_blocks", "KV blocks held by the prefix cache only."),
      .draining_blocks = gauge("baton_worker_draining_blocks", "KV blocks of aborted transfers not let go yet."),
      .reserved_blocks = gauge("baton_worker_reserved_blocks", "KV blocks granted to a transfer and not committed."),
      .running = gauge("baton_worker_running", "Sequences in the batch."),
      .waiting = gauge("baton_worker_waiting", "Sequences not admitted yet."),
      .kv_bytes_sent = gauge("baton_worker_kv_bytes_sent", "KV bytes sent since the worker started."),
      .kv_bytes_received = gauge("baton_worker_kv_bytes_received", "KV bytes received since the worker started."),
      .prefill_tokens = gauge("baton_worker_prefill_tokens", "Prompt tokens computed since the worker started."),
      .decode_tokens = gauge("baton_worker_decode_tokens", "Tokens decoded since the worker started."),
      .prefix_hit_tokens = gauge("baton_worker_prefix_hit_tokens", "Prompt tokens found cached since the start."),
      .preemptions = gauge("baton_worker_preemptions", "Preemptions since the worker started."),
  };
}

void RouterMetrics::WorkerGauges::clear() {
  for (metrics::Gauge* gauge :
       {&up, &total_blocks, &free_blocks, &cached_blocks, &draining_blocks, &reserved_blocks, &running, &waiting,
        &kv_bytes_sent, &kv_bytes_received, &prefill_tokens, &decode_tokens, &prefix_hit_tokens, &preemptions}) {
    gauge->set(0);
  }
}

}  // namespace baton::router
