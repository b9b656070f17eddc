// baton-worker: one model replica. Takes its place from the cluster's YAML (--config FILE --name NAME).

#include <signal.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <optional>
#include <thread>
#include <vector>

#include "app/options.h"
#include "baton/version.h"
#include "config/config.h"
#include "config/prices.h"
#include "config/start_log.h"
#include "core/log.h"
#include "engine/cpu_runner.h"
#include "engine/simulated_model.h"
#include "model/model_hash.h"
#include "worker/cuda_probe.h"
#include "worker/replica.h"
#include "worker/simulated.h"
#include "worker/vocabulary.h"
#include "worker/worker.h"

namespace baton::app {
namespace {

constexpr std::string_view kLog = "worker";
constexpr const char* kUsage =
    "usage: baton-worker --config FILE --name NAME [--checksum]\n"
    "       baton-worker --config FILE --fleet\n"
    "  --config FILE  the cluster's YAML\n"
    "  --name NAME    which of its workers to be (default name: host:port)\n"
    "  --checksum     checksum every KV block that is handed over\n"
    "  --fleet        be all of its workers with engine: simulated at once, for load tests of routers\n";

int fail_with(const Error& error) {
  log_error(kLog, error.message);
  return error.code == Errc::config || error.code == Errc::corrupt_file || error.code == Errc::not_found ? kExitConfig
                                                                                                         : 1;
}

/// Cores of this machine shared by the workers that live on it.
std::int32_t default_threads(const Config& config, const WorkerConfig& self) {
  const auto same_host = std::ranges::count(config.workers, self.host, &WorkerConfig::host);
  const auto cores = static_cast<std::int32_t>(std::max(1U, std::thread::hardware_concurrency()));
  return std::max<std::int32_t>(1, cores / static_cast<std::int32_t>(std::max<std::ptrdiff_t>(1, same_host)));
}

void stop_on_signals(boost::asio::signal_set& signals, worker::Worker& worker) {
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (error) return;
    stop_on_signals(signals, worker);
    worker.stop();
  });
}

/// What the CPU engine computes in; absent: what the checkpoint holds.
Result<std::optional<DType>> cpu_dtype(std::string_view key, std::string_view name) {
  if (name == "auto") return std::nullopt;
  if (name == "bfloat16") return DType::bf16;
  if (name == "float32") return DType::f32;
  return fail(Errc::config, std::string(key) + ": " + std::string(name) +
                                " cannot be computed on a CPU; use auto, bfloat16 or float32");
}

/// Says in one line what the machine's GPUs are used for.
void log_cuda() {
  const worker::CudaProbe probe = worker::probe_cuda(worker::cuda_plugin_path());
  if (!probe.has_file) {
    log_info(kLog, "no CUDA plugin beside the program, using the CPU");
  } else if (!probe.has_plugin) {
    log_warn(kLog, "the CUDA plugin cannot be used, using the CPU", {{"reason", probe.reason}});
  } else if (probe.devices.empty()) {
    log_info(kLog, "no usable CUDA device, using the CPU", {{"reason", probe.reason}});
  } else {
    log_info(kLog, "CUDA devices are present, but the model runs on the CPU in this version",
             {{"devices", probe.devices.size()}, {"first", probe.devices.front()}});
  }
}

/// Absent where the cost model does not know what to make of it; the router then does without.
std::optional<perf::Replica> native_replica(const Config& config, const WorkerConfig& self,
                                            const std::string& directory) {
  const auto description = model::load_description(directory);
  if (!description) return std::nullopt;
  auto replica = worker::replica_of(self, engine::shape_of(*description), config::catalogue_of(config));
  if (!replica) {
    log_warn(kLog, "no cost model for this worker", {{"reason", replica.error().message}});
    return std::nullopt;
  }
  if (self.dtype == "auto") replica->weight_bytes_per_parameter = perf::bytes_of(description->dtype);
  return *replica;
}

void add_vocabulary(worker::WorkerOptions& options, const std::string& directory, const engine::ModelInfo& info) {
  if (auto vocabulary = worker::load_vocabulary(directory, info); vocabulary) {
    options.vocabulary = std::move(*vocabulary);
  } else {
    log_warn(kLog, "no constrained output on this worker", {{"reason", vocabulary.error().message}});
  }
}

void log_ready(const std::string& name, const worker::Worker& worker) {
  log_info(kLog, "ready",
           {{"name", name},
            {"port", worker.port()},
            {"blocks", worker.total_blocks()},
            {"transport", worker.transport()}});
}

int serve(const std::string& name, Result<std::unique_ptr<worker::Worker>> worker) {
  if (!worker) return fail_with(worker.error());
  boost::asio::signal_set signals((*worker)->io(), SIGINT, SIGTERM);
  stop_on_signals(signals, **worker);
  log_ready(name, **worker);
  (*worker)->run();
  return 0;
}

int serve_simulated(const Config& config, const WorkerConfig& self, bool checksum) {
  auto parts = worker::simulated_worker(config, self);
  if (!parts) return fail_with(parts.error());
  parts->options.checksum = checksum;
  add_vocabulary(parts->options, config.model_path.empty() ? config.model : config.model_path, parts->runner->info());
  return serve(self.name, worker::Worker::create(std::move(parts->options), std::move(parts->runner)));
}

/// Every simulated worker of the file in this process. They share nothing but the process.
int serve_fleet(const Config& config) {
  config::start_log(config, kLog);
  std::vector<std::unique_ptr<worker::Worker>> fleet;
  for (const WorkerConfig& self : config.workers) {
    if (self.engine != EngineKind::simulated) continue;
    auto parts = worker::simulated_worker(config, self);
    if (!parts) return fail_with(parts.error());
    auto worker = worker::Worker::create(std::move(parts->options), std::move(parts->runner));
    if (!worker) return fail_with(worker.error());
    fleet.push_back(std::move(*worker));
  }
  if (fleet.empty()) return fail_with({Errc::config, "--fleet: the file has no worker with engine: simulated"});
  boost::asio::io_context signals_io;
  boost::asio::signal_set signals(signals_io, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (error) return;
    for (auto& worker : fleet) boost::asio::post(worker->io(), [&worker] { worker->stop(); });
  });
  std::vector<std::thread> threads;
  for (auto& worker : fleet) threads.emplace_back([&worker] { worker->run(); });
  log_info(kLog, "fleet ready", {{"workers", fleet.size()}});
  std::thread waiting([&] { signals_io.run(); });
  for (std::thread& thread : threads) thread.join();
  signals_io.stop();
  waiting.join();
  return 0;
}

int serve_native(const Config& config, const WorkerConfig& self, bool checksum) {
  log_cuda();
  const auto model_dir = config.model_path.empty() ? config.model : config.model_path;
  const auto hash = model::model_hash(model_dir);
  if (!hash) return fail_with(hash.error());
  const auto dtype = cpu_dtype("dtype", self.dtype);
  if (!dtype) return fail_with(dtype.error());
  const auto kv_dtype = cpu_dtype("kv_dtype", self.kv_dtype);
  if (!kv_dtype) return fail_with(kv_dtype.error());
  engine::CpuOptions runner_options{.dtype = *dtype, .kv_dtype = *kv_dtype};
  runner_options.threads = self.threads > 0 ? self.threads : default_threads(config, self);
  auto runner = engine::load_cpu_runner(model_dir, runner_options);
  if (!runner) return fail_with(runner.error());

  worker::WorkerOptions options{.worker = self,
                                .model = config.served_model_name.empty() ? config.model : config.served_model_name,
                                .model_hash = *hash,
                                .kv_transfer = config.kv_transfer,
                                .scheduling = config.scheduling,
                                .auth_token = config.auth_token,
                                .checksum = checksum};
  add_vocabulary(options, model_dir, (*runner)->info());
  options.replica = native_replica(config, self, model_dir);
  log_info(kLog, "model loaded", {{"model", model_dir}, {"threads", runner_options.threads}});
  return serve(self.name, worker::Worker::create(std::move(options), std::move(*runner)));
}

int run(int argc, char** argv) {
  const auto options =
      parse_options(argc, argv, {.values = {"config", "name"}, .flags = {"checksum", "fleet", "help", "version"}});
  if (!options) {
    std::fprintf(stderr, "baton-worker: %s\n%s", options.error().c_str(), kUsage);
    return kExitUsage;
  }
  if (options->contains("help")) return std::fputs(kUsage, stdout), 0;
  if (options->contains("version")) return std::printf("baton-worker %s\n", kVersion), 0;
  if (!options->contains("config") || options->contains("name") == options->contains("fleet")) {
    std::fprintf(stderr, "baton-worker: --config and one of --name and --fleet are needed\n%s", kUsage);
    return kExitUsage;
  }
  const auto config = config::load_config(options->at("config"));
  if (!config) {
    std::fputs(config::format_problems(config.error()).c_str(), stderr);
    return kExitConfig;
  }
  if (options->contains("fleet")) return serve_fleet(*config);
  const auto self = std::ranges::find(config->workers, options->at("name"), &WorkerConfig::name);
  if (self == config->workers.end()) {
    std::fprintf(stderr, "baton-worker: %s has no worker named %s\n", options->at("config").c_str(),
                 options->at("name").c_str());
    return kExitConfig;
  }
  config::start_log(*config, kLog);
  const bool checksum = options->contains("checksum");
  return self->engine == EngineKind::simulated ? serve_simulated(*config, *self, checksum)
                                               : serve_native(*config, *self, checksum);
}

}  // namespace
}  // namespace baton::app

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  return baton::app::run(argc, argv);
}
