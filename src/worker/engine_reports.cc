// What the engine loop tells routers of itself: load, measured steps, the prefix cache.
#include <algorithm>
#include <utility>

#include "wire/convert_perf.h"
#include "wire/frame.h"
#include "wire/wire.pb.h"
#include "worker/engine_loop.h"

namespace baton::worker {

namespace {

/// Prefixes a newly connected router is told of; a cache that holds more is known to it in part.
constexpr std::size_t kMostPrefixes = 1 << 14;

void set_cache(wire::CacheDelta& out, const kv::CacheChanges& changes) {
  out.mutable_added()->Assign(changes.added.begin(), changes.added.end());
  out.mutable_removed()->Assign(changes.removed.begin(), changes.removed.end());
}

}  // namespace

void EngineLoop::note_step(double seconds) {
  const perf::StepSample sample{.rows = engine_.last_rows(), .seconds = seconds};
  if (!perf::plausible(sample)) return;
  engine_.observe_step(seconds);
  const StepKind kind = sample.rows.batch == 0            ? kPrefillStep
                        : sample.rows.prefill_tokens == 0 ? kDecodeStep
                                                          : kMixedStep;
  samples_[kind] = sample;
}

void EngineLoop::report_load(TimePoint now) {
  const auto load = engine_.load();
  const bool changed = load.free_blocks != reported_.free_blocks || load.running != reported_.running ||
                       load.waiting != reported_.waiting || load.reserved != reported_.reserved ||
                       load.draining_blocks != reported_.draining_blocks;
  const auto since = now - last_report_;
  if (last_report_ != TimePoint{} && since < (changed ? options_.load_min_interval : options_.load_max_interval))
    return;
  last_report_ = now;
  reported_ = load;
  const auto stats = service_.stats();
  wire::Envelope envelope;
  auto& out = *envelope.mutable_load();
  out.set_free_blocks(static_cast<std::uint32_t>(load.free_blocks + load.cached_blocks));
  out.set_cached_blocks(static_cast<std::uint32_t>(load.cached_blocks));
  out.set_running(static_cast<std::uint32_t>(load.running));
  out.set_waiting(static_cast<std::uint32_t>(load.waiting));
  out.set_waiting_prefill_tokens(static_cast<std::uint32_t>(load.waiting_prefill_tokens));
  out.set_reserved(static_cast<std::uint32_t>(load.reserved));
  out.set_draining_blocks(static_cast<std::uint32_t>(load.draining_blocks));
  out.set_kv_bytes_sent(stats.bytes_sent);
  out.set_kv_bytes_received(stats.bytes_received);
  out.set_steps(load.steps);
  out.set_prefill_tokens(load.prefill_tokens);
  out.set_decode_tokens(load.decode_tokens);
  out.set_prefix_hit_tokens(load.prefix_hit_tokens);
  out.set_preemptions(load.preemptions);
  for (auto& sample : samples_) {
    if (sample) *out.add_samples() = wire::to_wire(*std::exchange(sample, std::nullopt));
  }
  send_load(envelope);
}

/// Every connection gets the same load, and of the prefix cache what it does not know yet.
void EngineLoop::send_load(wire::Envelope& envelope) {
  const kv::CacheChanges changes = engine_.take_cache_changes();
  if (changes.overflow) {
    for (const auto& [connection, tokens] : connections_) uninformed_.insert(connection);
  }
  auto& cache = *envelope.mutable_load()->mutable_cache();
  set_cache(cache, changes);
  const std::string to_informed = wire::encode_frame(envelope);
  std::string to_uninformed;
  if (!uninformed_.empty()) {
    set_cache(cache, {.added = engine_.cached_prefixes(kMostPrefixes), .removed = {}});
    cache.set_reset(true);
    to_uninformed = wire::encode_frame(envelope);
  }
  for (const auto& [connection, tokens] : connections_) {
    sink_(connection, uninformed_.contains(connection) ? to_uninformed : to_informed);
  }
  uninformed_.clear();
}

}  // namespace baton::worker
