#include "wire/convert_perf.h"

#include <algorithm>
#include <cmath>

#include "wire/wire.pb.h"

namespace baton::wire {

namespace {

Shape to_wire(const perf::ModelShape& shape) {
  Shape out;
  out.set_parameters(shape.parameters);
  out.set_resident_parameters(shape.resident_parameters);
  out.set_layers(shape.layers);
  out.set_hidden(shape.hidden);
  out.set_q_heads(shape.q_heads);
  out.set_kv_heads(shape.kv_heads);
  out.set_head_dim(shape.head_dim);
  out.set_experts(shape.experts);
  out.set_experts_per_token(shape.experts_per_token);
  out.set_expert_parameters(shape.expert_parameters);
  return out;
}

perf::ModelShape from_wire(const Shape& shape) {
  return {.parameters = shape.parameters(),
          .resident_parameters = shape.resident_parameters(),
          .layers = shape.layers(),
          .hidden = shape.hidden(),
          .q_heads = shape.q_heads(),
          .kv_heads = shape.kv_heads(),
          .head_dim = shape.head_dim(),
          .experts = shape.experts(),
          .experts_per_token = shape.experts_per_token(),
          .expert_parameters = shape.expert_parameters()};
}

}  // namespace

CostModel to_wire(const perf::Replica& replica) {
  CostModel out;
  *out.mutable_shape() = to_wire(replica.shape);
  out.set_tp(replica.tp);
  out.set_flops(replica.flops);
  out.set_bandwidth(replica.bandwidth);
  out.set_memory_bytes(replica.memory_bytes);
  out.set_weight_bytes_per_parameter(replica.weight_bytes_per_parameter);
  out.set_kv_bytes_per_value(replica.kv_bytes_per_value);
  out.set_activation_bytes(replica.activation_bytes);
  out.set_all_reduce_latency_s(replica.all_reduce.alpha_s);
  out.set_all_reduce_bytes_per_s(replica.all_reduce.bus_bytes_per_s);
  out.set_mfu(replica.constants.mfu);
  out.set_mbu(replica.constants.mbu);
  out.set_step_s(replica.constants.t0_s);
  out.set_layer_s(replica.constants.t1_s);
  return out;
}

std::optional<perf::Replica> replica_from_wire(const HelloReply& reply) {
  if (!reply.has_cost_model()) return std::nullopt;
  const CostModel& model = reply.cost_model();
  perf::Replica out{
      .shape = from_wire(model.shape()),
      .tp = model.tp(),
      .flops = model.flops(),
      .bandwidth = model.bandwidth(),
      .memory_bytes = model.memory_bytes(),
      .weight_bytes_per_parameter = model.weight_bytes_per_parameter(),
      .kv_bytes_per_value = model.kv_bytes_per_value(),
      .activation_bytes = model.activation_bytes(),
      .all_reduce = {.alpha_s = model.all_reduce_latency_s(), .bus_bytes_per_s = model.all_reduce_bytes_per_s()},
      .constants = {.mfu = model.mfu(), .mbu = model.mbu(), .t0_s = model.step_s(), .t1_s = model.layer_s()},
      .dollars_per_hour = price_from_wire(reply)};
  if (!perf::plausible(out)) return std::nullopt;
  return out;
}

double price_from_wire(const HelloReply& reply) {
  const double price = reply.price_per_hour();
  return std::isfinite(price) && price >= 0 && price <= kMaxPricePerHour ? price : 0;
}

StepSample to_wire(const perf::StepSample& sample) {
  StepSample out;
  out.set_prefill_tokens(sample.rows.prefill_tokens);
  out.set_prefill_context(sample.rows.prefill_context);
  out.set_batch(sample.rows.batch);
  out.set_decode_context(sample.rows.decode_context);
  out.set_seconds(sample.seconds);
  return out;
}

std::vector<perf::StepSample> samples_from_wire(const Load& load) {
  std::vector<perf::StepSample> out;
  for (int i = 0; i < std::min(load.samples_size(), kMaxSamples); ++i) {
    const StepSample& s = load.samples(i);
    const perf::StepSample sample{.rows = {.prefill_tokens = s.prefill_tokens(),
                                           .prefill_context = s.prefill_context(),
                                           .batch = s.batch(),
                                           .decode_context = s.decode_context()},
                                  .seconds = s.seconds()};
    if (perf::plausible(sample)) out.push_back(sample);
  }
  return out;
}

}  // namespace baton::wire
