// baton-worker: one model replica. Takes its place from the cluster's YAML (--config FILE --name NAME).

#include <signal.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <optional>
#include <thread>

#include "app/options.h"
#include "baton/version.h"
#include "config/config.h"
#include "config/start_log.h"
#include "core/log.h"
#include "engine/cpu_runner.h"
#include "model/model_hash.h"
#include "worker/cuda_probe.h"
#include "worker/vocabulary.h"
#include "worker/worker.h"

namespace baton::app {
namespace {

constexpr std::string_view kLog = "worker";
constexpr const char* kUsage =
    "usage: baton-worker --config FILE --name NAME [--checksum]\n"
    "  --config FILE  the cluster's YAML\n"
    "  --name NAME    which of its workers to be (default name: host:port)\n"
    "  --checksum     checksum every KV block that is handed over\n";

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

int serve(const Config& config, const WorkerConfig& self, bool checksum) {
  config::start_log(config, kLog);
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
  if (auto vocabulary = worker::load_vocabulary(model_dir, (*runner)->info()); vocabulary) {
    options.vocabulary = std::move(*vocabulary);
  } else {
    log_warn(kLog, "no constrained output on this worker", {{"reason", vocabulary.error().message}});
  }
  auto worker = worker::Worker::create(std::move(options), std::move(*runner));
  if (!worker) return fail_with(worker.error());
  boost::asio::signal_set signals((*worker)->io(), SIGINT, SIGTERM);
  stop_on_signals(signals, **worker);
  log_info(kLog, "ready",
           {{"name", self.name},
            {"port", (*worker)->port()},
            {"blocks", (*worker)->total_blocks()},
            {"transport", (*worker)->transport()},
            {"threads", runner_options.threads}});
  (*worker)->run();
  return 0;
}

int run(int argc, char** argv) {
  const auto options =
      parse_options(argc, argv, {.values = {"config", "name"}, .flags = {"checksum", "help", "version"}});
  if (!options) {
    std::fprintf(stderr, "baton-worker: %s\n%s", options.error().c_str(), kUsage);
    return kExitUsage;
  }
  if (options->contains("help")) return std::fputs(kUsage, stdout), 0;
  if (options->contains("version")) return std::printf("baton-worker %s\n", kVersion), 0;
  if (!options->contains("config") || !options->contains("name")) {
    std::fprintf(stderr, "baton-worker: --config and --name are needed\n%s", kUsage);
    return kExitUsage;
  }
  const auto config = config::load_config(options->at("config"));
  if (!config) {
    std::fputs(config::format_problems(config.error()).c_str(), stderr);
    return kExitConfig;
  }
  const auto self = std::ranges::find(config->workers, options->at("name"), &WorkerConfig::name);
  if (self == config->workers.end()) {
    std::fprintf(stderr, "baton-worker: %s has no worker named %s\n", options->at("config").c_str(),
                 options->at("name").c_str());
    return kExitConfig;
  }
  return serve(*config, *self, options->contains("checksum"));
}

}  // namespace
}  // namespace baton::app

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  return baton::app::run(argc, argv);
}
