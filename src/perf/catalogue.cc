#include "perf/catalogue.h"

#include <algorithm>
#include <string>

namespace baton::perf {

namespace {

std::string_view dtype_name(DType type) {
  switch (type) {
    case DType::f32:
      return "float32";
    case DType::bf16:
      return "bfloat16";
    case DType::f16:
      return "float16";
    case DType::fp8_e4m3:
      return "fp8";
    case DType::int8:
      return "int8";
    case DType::int4:
      return "int4";
  }
  return "";
}

Error no_such_format(const GpuSpec& gpu, DType type) {
  std::string usable;
  for (const DType other : {DType::bf16, DType::f16, DType::f32, DType::fp8_e4m3, DType::int8, DType::int4}) {
    if (flops_of(gpu, other) <= 0) continue;
    usable += (usable.empty() ? "" : ", ") + std::string(dtype_name(other));
  }
  return {.code = Errc::config,
          .message = gpu.name + " cannot compute in " + std::string(dtype_name(type)) + "; use one of " + usable};
}

}  // namespace

AllReduce GpuSpec::all_reduce_of(std::int32_t tp) const {
  if (tp <= 1) return {};
  const std::pair<std::int32_t, AllReduce>* best = nullptr;
  for (const auto& entry : all_reduce) {
    const bool is_better =
        !best || (best->first < tp ? entry.first > best->first : entry.first >= tp && entry.first < best->first);
    if (is_better) best = &entry;
  }
  if (best) return best->second;
  return tp == 2 ? AllReduce{5.6e-6, 19e9} : tp <= 4 ? AllReduce{14.1e-6, 4e9} : AllReduce{26.7e-6, 2e9};
}

const GpuSpec* Catalogue::find(std::string_view name) const {
  const auto found = std::ranges::find(gpus, name, &GpuSpec::name);
  return found == gpus.end() ? nullptr : &*found;
}

std::string Catalogue::names() const {
  std::string out;
  for (const GpuSpec& gpu : gpus) out += (out.empty() ? "" : ", ") + gpu.name;
  return out;
}

double bytes_of(DType type) {
  return static_cast<double>(dtype_bits(type)) / 8;
}

double flops_of(const GpuSpec& gpu, DType weights) {
  switch (weights) {
    case DType::f32:
      return gpu.f32_flops;
    case DType::bf16:
      return gpu.bf16_flops;
    case DType::f16:
      return gpu.f16_flops;
    case DType::fp8_e4m3:
      return gpu.fp8_flops;
    case DType::int8:
    case DType::int4:
      return gpu.bf16_flops > 0 ? gpu.bf16_flops : gpu.f16_flops;
  }
  return 0;
}

Result<Replica> make_replica(const GpuSpec& gpu, const ModelShape& shape, const ReplicaOptions& options) {
  const auto bad = [](std::string message) { return fail(Errc::config, std::move(message)); };
  if (shape.layers <= 0 || shape.hidden <= 0 || shape.q_heads <= 0 || shape.kv_heads <= 0 || shape.head_dim <= 0 ||
      !(shape.parameters > 0)) {
    return bad("the model's shape is incomplete: layers, hidden, heads and parameters must be known");
  }
  const std::int32_t tp = options.tp;
  if (tp < 1 || tp > options.gpus) {
    return bad("tensor_parallel: " + std::to_string(tp) + " needs as many GPUs, the worker has " +
               std::to_string(options.gpus));
  }
  const bool splits_kv = shape.kv_heads % tp == 0 || tp % shape.kv_heads == 0;
  if (shape.q_heads % tp != 0 || !splits_kv) {
    return bad("tensor_parallel: " + std::to_string(tp) + " does not divide the model's " +
               std::to_string(shape.q_heads) + " attention heads and " + std::to_string(shape.kv_heads) +
               " KV heads; use a divisor of both");
  }
  const double flops = flops_of(gpu, options.weights);
  if (flops <= 0) return std::unexpected(no_such_format(gpu, options.weights));
  const double listed = options.spot && gpu.spot_per_hour > 0 ? gpu.spot_per_hour : gpu.on_demand_per_hour;
  const double dollars = options.dollars_per_hour > 0 ? options.dollars_per_hour : listed * options.gpus;
  return Replica{.shape = shape,
                 .tp = tp,
                 .flops = flops * tp,
                 .bandwidth = gpu.bandwidth * tp,
                 .memory_bytes = gpu.memory_bytes * tp,
                 .weight_bytes_per_parameter = bytes_of(options.weights),
                 .kv_bytes_per_value = bytes_of(options.kv),
                 .activation_bytes = options.weights == DType::f32 ? 4.0 : 2.0,
                 .all_reduce = gpu.all_reduce_of(tp),
                 .constants = gpu.constants,
                 .dollars_per_hour = dollars};
}

}  // namespace baton::perf
