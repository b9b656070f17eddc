#pragma once

#include <cstdint>

#include "perf/shape.h"

namespace baton::perf {

/// The four constants that are fitted to what a worker reports (docs/scheduling.md).
struct StepConstants {
  double mfu = 0.60;    ///< share of peak FLOPs reached by prefill
  double mbu = 0.75;    ///< share of memory bandwidth reached by decode
  double t0_s = 1e-3;   ///< fixed per step
  double t1_s = 20e-6;  ///< fixed per layer
  friend bool operator==(const StepConstants&, const StepConstants&) = default;
};

/// All-reduce inside one tensor-parallel group; zero latency and infinite rate when tp is 1.
struct AllReduce {
  double alpha_s = 0;          ///< latency of one small all-reduce
  double bus_bytes_per_s = 0;  ///< 0: no cost
  friend bool operator==(const AllReduce&, const AllReduce&) = default;
};

/// Everything the formulas need of one model on one worker. A value; cheap to copy, plain arithmetic to use.
struct Replica {
  ModelShape shape;
  std::int32_t tp = 1;
  double flops = 0;         ///< peak of the group at its compute precision, FLOP/s
  double bandwidth = 0;     ///< memory bandwidth of the group, bytes/s
  double memory_bytes = 0;  ///< of the group
  double weight_bytes_per_parameter = 2;
  double kv_bytes_per_value = 2;
  double activation_bytes = 2;
  AllReduce all_reduce;
  StepConstants constants;
  double dollars_per_hour = 0;
  friend bool operator==(const Replica&, const Replica&) = default;

  double kv_bytes_per_token() const { return shape.kv_bytes_per_token(kv_bytes_per_value); }
  double weight_bytes() const {
    return (shape.resident_parameters > 0 ? shape.resident_parameters : shape.parameters) * weight_bytes_per_parameter;
  }
};

/// Rows of one engine step: `prefill_tokens` new prompt tokens over `prefill_context` cached ones, and `batch` decoding
/// sequences whose mean context is `decode_context` tokens.
struct StepRows {
  double prefill_tokens = 0;
  double prefill_context = 0;
  double batch = 0;
  double decode_context = 0;
  friend bool operator==(const StepRows&, const StepRows&) = default;
};

}  // namespace baton::perf
