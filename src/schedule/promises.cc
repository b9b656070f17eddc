#include <algorithm>
#include <utility>

#include "classify/classifier.h"
#include "kv/prefix_hash.h"
#include "perf/cost_model.h"
#include "schedule/explain_placement.h"
#include "schedule/life_cycle.h"

namespace baton::schedule {

namespace {

constexpr std::int32_t kMostPriority = 1000;
/// Price factors of GPU types a class prefers: the first is free of it, later ones cost a little, others twice as much.
constexpr float kPreferenceStep = 0.1F, kNotPreferred = 2.0F;
/// A request that has outlived its forecast is expected to go on for this share of what it made, at least 16 tokens.
constexpr double kOutlived = 0.5, kLeastLeft = 16;
constexpr std::size_t kMostHashedBlocks = 1U << 16;

std::vector<float> factors(const std::vector<std::string>& preferred, const std::vector<std::string>& types) {
  if (preferred.empty()) return {};
  std::vector<float> out;
  for (const std::string& type : types) {
    const auto rank = std::ranges::find(preferred, type) - preferred.begin();
    out.push_back(rank == std::ssize(preferred) ? kNotPreferred : 1.0F + kPreferenceStep * static_cast<float>(rank));
  }
  return out;
}

}  // namespace

std::vector<std::uint64_t> prefix_hashes(const GenerationSpec& spec, std::int32_t block_tokens) {
  const auto size = static_cast<std::size_t>(std::max(block_tokens, 1));
  const std::span<const TokenId> tokens(spec.tokens);
  const std::size_t blocks = std::min(tokens.size() / size, kMostHashedBlocks);
  std::vector<std::uint64_t> hashes;
  hashes.reserve(blocks);
  kv::PrefixHash hash = kv::kEmptyPrefix;
  for (std::size_t i = 0; i < blocks; ++i) {
    hash = kv::prefix_hash(hash, tokens.subspan(i * size, size));
    hashes.push_back(hash);
  }
  return hashes;
}

/// What is known of a request when it comes.
void LifeCycle::take_in(Request& request, const Arrive& event) {
  request.spec = event.spec;
  request.deadline = event.deadline;
  request.arrived_at = now_;
  request.explain = event.explain;
  request.features = event.features;
  request.features.prompt_tokens = static_cast<std::int64_t>(event.spec->tokens.size());
  request.features.max_tokens = event.spec->sampling.max_tokens;
  request.forecast = lengths_.forecast(request.features);
  request.asked_class = classify::classify(classes_, request.features, request.forecast);
  request.served_class = request.asked_class;
  const std::int64_t priority = std::int64_t{classes_[static_cast<std::size_t>(request.asked_class)].priority} +
                                request.features.priority;
  request.priority = static_cast<std::int32_t>(std::clamp<std::int64_t>(priority, -kMostPriority, kMostPriority));
  request.tenant = request.features.key != 0 ? request.features.key : request.features.tenant;
  if (!wants_prefixes(policy_)) return;
  request.prefix_hashes = event.prefix_hashes.empty()
                              ? prefix_hashes(*event.spec, options_.scheduling.block_tokens)
                              : event.prefix_hashes;
}

void LifeCycle::find_gpu_preferences() {
  const auto& types = members_.snapshot().gpu_types;
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    gpu_factors_[i] = {factors(classes_[i].prefer_prefill_gpus, types), factors(classes_[i].prefer_decode_gpus, types)};
  }
}

/// Output tokens still to come, where the whole output was forecast to have `forecast`.
double LifeCycle::output_left(const Request& request, double forecast) const {
  const auto made = static_cast<double>(request.delivered.size());
  const double limit = std::max(1.0, static_cast<double>(request.spec->sampling.max_tokens - request.next_index()));
  const double left = made > 0 ? std::max(forecast - made, std::max(kLeastLeft, kOutlived * made)) : forecast;
  return std::clamp(left, 1.0, limit);
}

Ask LifeCycle::ask_for(Request& request, std::int32_t class_index) {
  const ClassConfig& served = classes_[static_cast<std::size_t>(class_index)];
  const GpuFactors& gpus = gpu_factors_[static_cast<std::size_t>(class_index)];
  const SchedulingConfig& config = options_.scheduling;
  Ask ask{.tokens = request.tokens(),
          .local_below_tokens = config.local_below_tokens,
          .role_fallback = options_.faults.role_fallback,
          .local_only = request.handover_failures >= kMaxHandoverFailures,
          .avoid = request.avoid,
          .exclude = request.refused_by,
          .cached_on = request.cached_on,
          .turn = turns_,
          .random = random()};
  ask.output_mean = output_left(request, request.forecast.mean);
  ask.output_p90 = output_left(request, request.forecast.p90);
  ask.slo = served.slo;
  ask.slo_headroom = std::clamp(config.slo_headroom, 0.05, 1.0);
  ask.allow_spot = served.allow_spot;
  ask.prefer_spot = served.prefer_spot;
  ask.spot_losses_per_hour = config.spot_losses_per_hour;
  ask.prefer_prefill = gpus.prefill;
  ask.prefer_decode = gpus.decode;
  ask.cached = members_.prefix_hits(request.prefix_hashes);
  ask.cached_block_tokens = config.block_tokens;
  ask.links = &links_;
  ask.remote_dollars_per_byte = config.remote_dollars_per_gb * 1e-9;
  ask.hold_s = std::chrono::duration<double>(config.worker_queue).count();
  return ask;
}

/// Where to serve a request; by its class's fallback if nobody can keep its own class's objectives. `ask` becomes the
/// one that was answered.
std::optional<Decision> LifeCycle::decide(Request& request, Ask& ask) {
  const auto decision = place(policy_, members_.snapshot(), ask);
  request.served_class = request.asked_class;
  const std::int32_t fallback = fallbacks_[static_cast<std::size_t>(request.asked_class)];
  if (!decision || decision->meets_slo || fallback < 0) return decision;
  const Ask second = ask_for(request, fallback);
  const auto other = place(policy_, members_.snapshot(), second);
  if (!other) return decision;
  request.served_class = fallback;
  ++stats_.fallbacks;
  ask = second;
  return other;
}

void LifeCycle::measure_demand(const Ask& ask, const Decision& decision) {
  const cluster::Snapshot& snapshot = members_.snapshot();
  const cluster::WorkerView& p = *snapshot.find(decision.prefill);
  const cluster::WorkerView& d = *snapshot.find(decision.decode);
  const DecodeCost decode = decode_cost(d, ask, 0);
  const double prefill_s = perf::prefill_s(p.replica, static_cast<double>(ask.tokens), 0);
  const double decode_s = ask.output_mean * decode.itl_s / std::max(decode.batch, 1.0);
  stats_.prefill_work_s += prefill_s;
  stats_.decode_work_s += decode_s;
  demand_.add(d.group, prefill_s, decode_s, now_);
}

void LifeCycle::explain(const Request& request, const Ask& ask, const Decision& decision) {
  auto why = std::make_shared<Explanation>(
      explain_placement(members_.snapshot(), ask, decision, [this](WorkerId id) { return name_of(id); }));
  why->request = request.id;
  why->policy = policy_name(policy_);
  why->class_name = classes_[static_cast<std::size_t>(request.served_class)].name;
  why->asked_class = classes_[static_cast<std::size_t>(request.asked_class)].name;
  why->priority = request.priority;
  why->output = request.forecast;
  why->waited_s = std::max(0.0, std::chrono::duration<double>(now_ - request.arrived_at).count());
  why->attempt = request.dispatched;
  commands_.emplace_back(Explained{request.id, std::move(why)});
}

void LifeCycle::observe_length(const Request& request, FinishReason reason) {
  const auto output = static_cast<std::int64_t>(request.delivered.size());
  lengths_.observe(request.features, request.asked_class, output, reason == FinishReason::length);
  stats_.lengths = lengths_.calibration();
}

}  // namespace baton::schedule
