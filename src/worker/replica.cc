#include "worker/replica.h"

#include <string_view>

namespace baton::worker {

namespace {

DType dtype_of(std::string_view name, DType automatic) {
  if (name == "bfloat16") return DType::bf16;
  if (name == "float16") return DType::f16;
  if (name == "float32") return DType::f32;
  if (name == "fp8") return DType::fp8_e4m3;
  if (name == "int8") return DType::int8;
  if (name == "int4") return DType::int4;
  return automatic;
}

}  // namespace

Result<perf::Replica> replica_of(const WorkerConfig& worker, const perf::ModelShape& shape,
                                 const perf::Catalogue& catalogue) {
  const perf::GpuSpec* gpu = catalogue.find(worker.gpu_type);
  if (!gpu) return fail(Errc::config, "gpu_type: " + worker.gpu_type + " is not one of " + catalogue.names());
  const DType automatic = gpu->bf16_flops > 0 ? DType::bf16 : DType::f16;
  return perf::make_replica(*gpu, shape,
                            {.gpus = worker.gpu_count,
                             .tp = worker.tensor_parallel > 0 ? worker.tensor_parallel : worker.gpu_count,
                             .weights = dtype_of(worker.dtype, automatic),
                             .kv = dtype_of(worker.kv_dtype, automatic),
                             .dollars_per_hour = worker.price_per_hour,
                             .spot = worker.spot});
}

}  // namespace baton::worker
