#include "worker/simulated.h"

#include <algorithm>
#include <limits>
#include <string>

#include "config/prices.h"
#include "engine/simulated_runner.h"
#include "perf/cost_model.h"
#include "worker/replica.h"

namespace baton::worker {

namespace {

constexpr double kGib = 1 << 30;

Result<std::int32_t> simulated_blocks(const WorkerConfig& worker, const perf::Replica& replica,
                                      std::int32_t block_tokens) {
  const double tokens = worker.kv_cache_gib > 0 ? worker.kv_cache_gib * kGib / replica.kv_bytes_per_token()
                                                : perf::kv_capacity_tokens(replica);
  const double blocks = tokens / block_tokens;
  if (blocks < 1) {
    return fail(Errc::config, worker.name + ": the model's weights, " +
                                  std::to_string(static_cast<std::int64_t>(replica.weight_bytes() / 1e9)) +
                                  " GB, leave no room for a KV cache on " + std::to_string(replica.tp) + " x " +
                                  worker.gpu_type + "; use more GPUs, larger ones or a smaller dtype");
  }
  return static_cast<std::int32_t>(std::min<double>(blocks, 1 << 28));
}

}  // namespace

Result<SimulatedParts> simulated_worker(const Config& config, const WorkerConfig& self) {
  const std::string name = config.served_model_name.empty() ? config.model : config.served_model_name;
  const auto model =
      engine::load_simulated_model(config.model_path.empty() ? config.model : config.model_path, config.model);
  if (!model) return std::unexpected(model.error());
  const auto replica = replica_of(self, model->shape, config::catalogue_of(config));
  if (!replica) return std::unexpected(replica.error());
  const auto blocks = simulated_blocks(self, *replica, config.scheduling.block_tokens);
  if (!blocks) return std::unexpected(blocks.error());
  return SimulatedParts{.options = {.worker = self,
                                    .model = name,
                                    .model_hash = model->hash,
                                    .kv_transfer = config.kv_transfer,
                                    .scheduling = config.scheduling,
                                    .auth_token = config.auth_token,
                                    .blocks = *blocks,
                                    .replica = *replica},
                        .runner = engine::create_simulated_runner(*model, *replica, self.simulation)};
}

}  // namespace baton::worker
