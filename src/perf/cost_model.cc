#include "perf/cost_model.h"

#include <algorithm>
#include <cmath>

namespace baton::perf {

namespace {

constexpr double kUsableMemory = 0.90;
constexpr double kReservedBytesPerGpu = 2e9;  // CUDA context, workspaces, activations
constexpr double kMostSequences = 1 << 20;

double ratio(double amount, double rate) {
  return rate > 0 ? amount / rate : 0;
}

double positive(double value) {
  return std::isfinite(value) && value > 0 ? value : 0;
}

double share(double value) {
  return value > 0 ? value : 1;
}

/// Bytes of weights that a step of `tokens` rows reads: of a mixture, the experts that at least one row chose, each
/// row choosing evenly and independently.
double weight_bytes_read(const Replica& replica, double tokens) {
  const ModelShape& shape = replica.shape;
  if (shape.experts <= 0 || shape.expert_parameters <= 0) {
    return shape.parameters * replica.weight_bytes_per_parameter;
  }
  const double chosen = std::clamp(static_cast<double>(shape.experts_per_token) / shape.experts, 0.0, 1.0);
  const double hit = 1 - std::pow(1 - chosen, tokens);
  return replica.weight_bytes() - shape.expert_parameters * replica.weight_bytes_per_parameter * (1 - hit);
}

double all_reduce_s(const Replica& replica, double tokens) {
  if (replica.tp <= 1) return 0;
  const double k = replica.tp;
  const double bytes = tokens * replica.shape.hidden * replica.activation_bytes;
  const double one = replica.all_reduce.alpha_s + 2 * (k - 1) / k * ratio(bytes, replica.all_reduce.bus_bytes_per_s);
  return 2.0 * replica.shape.layers * one;
}

/// KV heads that do not divide among the ranks are held, and read, by several.
double held_kv_bytes_per_token(const Replica& replica) {
  const double heads = std::max(replica.shape.kv_heads, 1);
  return replica.kv_bytes_per_token() * std::max(1.0, replica.tp / heads);
}

}  // namespace

StepTerms step_terms(const Replica& replica, const StepRows& rows) {
  const ModelShape& shape = replica.shape;
  const double n = positive(rows.prefill_tokens);
  const double batch = positive(rows.batch);
  const double tokens = n + batch;
  if (tokens <= 0) return {};
  const double attention_flops =
      4.0 * shape.layers * shape.q_heads * shape.head_dim * (n * positive(rows.prefill_context) + n * n / 2);
  const double linear_s = ratio(2 * shape.parameters * tokens, replica.flops);
  const double weights_s = ratio(weight_bytes_read(replica, tokens), replica.bandwidth);
  const double kv_s =
      ratio(batch * positive(rows.decode_context) * held_kv_bytes_per_token(replica), replica.bandwidth);
  const bool compute_bound = linear_s / share(replica.constants.mfu) >= weights_s / share(replica.constants.mbu);
  return {.steps = 1,
          .compute_s = ratio(attention_flops, replica.flops) + (compute_bound ? linear_s : 0),
          .memory_s = kv_s + (compute_bound ? 0 : weights_s),
          .all_reduce_s = all_reduce_s(replica, tokens)};
}

double step_s(const Replica& replica, const StepRows& rows) {
  const StepTerms terms = step_terms(replica, rows);
  const StepConstants& c = replica.constants;
  return positive(terms.steps * (c.t0_s + replica.shape.layers * c.t1_s) + terms.compute_s / share(c.mfu) +
                  terms.memory_s / share(c.mbu) + terms.all_reduce_s);
}

double prefill_s(const Replica& replica, double tokens, double cached) {
  return step_s(replica, {.prefill_tokens = tokens, .prefill_context = cached});
}

double decode_step_s(const Replica& replica, double batch, double mean_context) {
  return step_s(replica, {.batch = batch, .decode_context = mean_context});
}

double kv_capacity_tokens(const Replica& replica) {
  const double room = kUsableMemory * replica.memory_bytes - kReservedBytesPerGpu * replica.tp - replica.weight_bytes();
  return positive(std::floor(ratio(room, held_kv_bytes_per_token(replica))));
}

double max_batch(const Replica& replica, double itl_s, double context) {
  const double fitting = context > 0 ? kv_capacity_tokens(replica) / context : kMostSequences;
  double low = 0;
  double high = std::floor(std::min(fitting, kMostSequences)) + 1;
  // Invariant: low sequences are fine, high are too many. A step never gets faster with more sequences.
  while (high - low > 1) {
    const double middle = std::floor((low + high) / 2);
    (decode_step_s(replica, middle, context) <= itl_s ? low : high) = middle;
  }
  return low;
}

double transfer_s(const Link& link, double bytes) {
  if (positive(bytes) == 0) return 0;
  return positive(link.latency_s) + positive(ratio(bytes, link.bytes_per_s));
}

double exposed_transfer_s(const Link& link, double bytes, double prefill_s, std::int32_t layers) {
  const double count = std::max(layers, 1);
  // The first layer's KV is there after one layer's compute; from then on wire and compute run side by side.
  const double hidden_s = positive(prefill_s) * (count - 1) / count;
  return std::max(transfer_s(link, bytes) - hidden_s, transfer_s(link, bytes / count));
}

}  // namespace baton::perf
