#pragma once

#include "perf/replica.h"

namespace baton::perf {

// Roofline estimates in seconds. Formulas: docs/scheduling.md. Pure, no allocation; every result is finite and >= 0.

/// What one step costs at the hardware's peaks: step_s is steps · (t0 + layers · t1) + compute_s / mfu + memory_s / mbu
/// + all_reduce_s. The weights count on the side that limits them at the replica's constants: compute or memory.
struct StepTerms {
  double steps = 0;  ///< 1, or 0 without rows
  double compute_s = 0;
  double memory_s = 0;
  double all_reduce_s = 0;
};
StepTerms step_terms(const Replica& replica, const StepRows& rows);

/// Computes `tokens` prompt tokens over `cached` ones already in the KV cache; never faster than reading the weights.
double prefill_s(const Replica& replica, double tokens, double cached);
/// One decode step of `batch` sequences with `mean_context` tokens each.
double decode_step_s(const Replica& replica, double batch, double mean_context);
/// One step of a worker that mixes both.
double step_s(const Replica& replica, const StepRows& rows);

/// Tokens of KV that fit beside the weights: 0.90 of the memory less 2 GB per GPU less the weights; 0 if nothing fits.
double kv_capacity_tokens(const Replica& replica);
/// The largest batch with decode_step_s <= itl_s and room for `context` tokens each; 0 if none.
double max_batch(const Replica& replica, double itl_s, double context);

/// One direction between two workers.
struct Link {
  double bytes_per_s = 0;  ///< 0: unknown, costs nothing
  double latency_s = 0;
  friend bool operator==(const Link&, const Link&) = default;
};
double transfer_s(const Link& link, double bytes);
/// What of a transfer is left after the prefill when layers are pushed while later ones compute: never less than one
/// layer's share.
double exposed_transfer_s(const Link& link, double bytes, double prefill_s, std::int32_t layers);

/// Dollars of `seconds` of a whole replica.
inline double dollars(const Replica& replica, double seconds) {
  return replica.dollars_per_hour * seconds / 3600.0;
}
/// ($/hour) / tokens per second -> $ per million tokens.
inline double dollars_per_million(double dollars_per_hour, double tokens_per_s) {
  return tokens_per_s > 0 ? dollars_per_hour / (0.0036 * tokens_per_s) : 0.0;
}

}  // namespace baton::perf
