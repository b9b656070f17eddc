#include "ctl/sim_cluster.h"

#include <algorithm>

#include "classify/classifier.h"
#include "config/prices.h"
#include "perf/catalogue.h"
#include "perf/cost_model.h"
#include "perf/shapes.h"
#include "sim/random.h"

namespace baton::ctl {
namespace {

constexpr std::int32_t kDefaultBatch = 256;
constexpr std::int32_t kDefaultContext = 131'072;
constexpr std::uint64_t kErrorPurpose = 0x6572726fULL;

std::optional<DType> dtype_of(const std::string& name) {
  if (name == "float32") return DType::f32;
  if (name == "bfloat16") return DType::bf16;
  if (name == "float16") return DType::f16;
  if (name == "fp8") return DType::fp8_e4m3;
  if (name == "int8") return DType::int8;
  if (name == "int4") return DType::int4;
  return std::nullopt;
}

Result<perf::Replica> replica_of(const perf::Catalogue& catalogue, const WorkerConfig& worker,
                                 const perf::ModelShape& shape) {
  const perf::GpuSpec* gpu = catalogue.find(worker.gpu_type);
  if (gpu == nullptr) {
    return fail(Errc::config, "gpu_type " + worker.gpu_type + " is not in the catalogue, which knows " +
                                  catalogue.names());
  }
  const DType automatic = gpu->bf16_flops > 0 ? DType::bf16 : DType::f16;
  return perf::make_replica(*gpu, shape,
                            {.gpus = worker.gpu_count,
                             .tp = worker.tensor_parallel > 0 ? worker.tensor_parallel : worker.gpu_count,
                             .weights = dtype_of(worker.dtype).value_or(automatic),
                             .kv = dtype_of(worker.kv_dtype).value_or(automatic),
                             .dollars_per_hour = worker.price_per_hour,
                             .spot = worker.spot});
}

/// What the hidden truth differs by: each constant by its own factor within the given share.
void disturb(perf::StepConstants& constants, double share, sim::Random& random) {
  for (double* c : {&constants.mfu, &constants.mbu, &constants.t0_s, &constants.t1_s}) {
    *c *= 1 + share * (2 * random.uniform() - 1);
  }
}

Result<sim::WorkerSpec> worker_of(const Config& config, const WorkerConfig& worker, const perf::ModelShape& shape) {
  const auto replica = replica_of(config::catalogue_of(config), worker, shape);
  if (!replica) return std::unexpected(replica.error());
  const double pool = worker.kv_cache_gib > 0 ? worker.kv_cache_gib * (1 << 30) / replica->kv_bytes_per_token()
                                              : perf::kv_capacity_tokens(*replica);
  const std::int32_t block = config.scheduling.block_tokens;
  const auto blocks = static_cast<std::int32_t>(std::min(pool / block, 1e8));
  if (blocks < 1) {
    return fail(Errc::config, std::to_string(worker.gpu_count) + " x " + worker.gpu_type +
                                  " have no room for the weights and a KV cache; use more GPUs or a smaller dtype");
  }
  sim::WorkerSpec spec;
  spec.info.name = worker.name;
  spec.info.role = worker.role;
  spec.info.model_hash = config.served_model_name;
  spec.info.host_id = worker.host;
  spec.info.block_tokens = block;
  spec.info.total_blocks = blocks;
  spec.info.max_batch = worker.max_batch > 0 ? worker.max_batch : kDefaultBatch;
  spec.info.max_context = kDefaultContext;
  spec.info.gpu_type = worker.gpu_type;
  spec.info.zone = worker.zone;
  spec.info.rack = worker.rack;
  spec.info.spot = worker.spot;
  spec.info.price_per_hour = replica->dollars_per_hour;
  spec.info.replica = *replica;
  spec.truth = *replica;
  spec.chunk_tokens = config.scheduling.prefill_chunk_tokens;
  spec.gpu = worker.gpu_type;
  spec.gpus = worker.gpu_count;
  spec.spot = worker.spot;
  return spec;
}

}  // namespace

Result<sim::SimOptions> simulated_cluster(const Config& config, const SimClusterOptions& options) {
  const auto shape = perf::known_shape(config.model);
  if (!shape) return fail(Errc::config, "the shape of model '" + config.model + "' is not known to the simulator");
  sim::SimOptions out;
  out.coordinator.scheduling = config.scheduling;
  out.coordinator.faults = config.fault_tolerance;
  out.coordinator.queue_requests = config.limits.queue_requests;
  out.coordinator.running_requests = config.limits.running_requests;
  out.coordinator.queue_timeout = config.limits.queue_timeout;
  out.coordinator.classes = classify::effective_classes(config);
  out.request_timeout = std::chrono::nanoseconds(config.limits.request_timeout).count();
  sim::Random errors(options.seed, kErrorPurpose);
  for (const WorkerConfig& worker : config.workers) {
    auto spec = worker_of(config, worker, *shape);
    if (!spec) return fail(Errc::config, "worker " + worker.name + ": " + spec.error().message);
    spec->nic_bytes_per_s = options.nic_gbps * 1e9 / 8;
    if (options.speed_error > 0) disturb(spec->truth.constants, options.speed_error, errors);
    out.workers.push_back(std::move(*spec));
  }
  return out;
}

}  // namespace baton::ctl
