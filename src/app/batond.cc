// batond: the router daemon. With --local it also runs the workers its YAML places on this machine.

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/signal_set.hpp>
#include <climits>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "app/options.h"
#include "baton/version.h"
#include "config/config.h"
#include "config/start_log.h"
#include "core/log.h"
#include "router/router.h"
#include "supervise/supervisor.h"

namespace baton::app {
namespace {

constexpr std::string_view kLog = "batond";
constexpr const char* kUsage =
    "usage: batond --config FILE [--local]\n"
    "  --config FILE  the cluster's YAML\n"
    "  --local        also start and supervise the workers whose host is this machine\n";

bool is_this_machine(const WorkerConfig& worker) {
  if (worker.spawn || worker.host == "localhost" || worker.host == "::1" || worker.host.starts_with("127."))
    return true;
  std::array<char, HOST_NAME_MAX + 1> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 && worker.host == name.data();
}

/// baton-worker is installed beside batond.
std::string worker_program() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return (error ? std::filesystem::path("baton-worker") : self.parent_path() / "baton-worker").string();
}

void start_local_workers(supervise::Supervisor& supervisor, const Config& config, const std::string& config_path) {
  int started = 0;
  for (const auto& worker : config.workers) {
    if (!is_this_machine(worker)) continue;
    supervisor.start({worker.name, {worker_program(), "--config", config_path, "--name", worker.name}});
    ++started;
  }
  if (started == 0) log_warn(kLog, "--local: no worker of the configuration has this machine as its host");
}

/// SIGINT and SIGTERM: the first asks for an orderly end, the second for an immediate one.
struct StopSignals {
  StopSignals(boost::asio::io_context& io, router::Router& r) : signals(io, SIGINT, SIGTERM), router(r) { wait(); }

  void wait() {
    signals.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      ++count;
      log_info(kLog, count == 1 ? "stopping" : "stopping at once");
      wait();
      router.stop();
    });
  }

  boost::asio::signal_set signals;
  router::Router& router;
  int count = 0;
};

/// The workers outlive the router, so that its running requests can finish; then they are stopped, too. A second signal
/// ends the waiting: the kernel sends them SIGTERM when this process is gone.
void stop_workers(boost::asio::io_context& io, supervise::Supervisor& supervisor, const StopSignals& signals) {
  bool stopped = false;
  supervisor.stop([&] { stopped = true; });
  io.restart();
  while (!stopped && signals.count < 2 && io.run_one() > 0) {
  }
}

/// Every client connection takes a descriptor; the soft limit is often 1024.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) log_warn(kLog, "cannot raise the limit of open files");
}

int serve(Config config, const std::string& config_path, const Options& options) {
  config::start_log(config, kLog);
  raise_descriptor_limit();
  auto router = router::Router::create({.config = config});
  if (!router) {
    log_error(kLog, router.error().message);
    const auto code = router.error().code;
    return code == Errc::config || code == Errc::corrupt_file || code == Errc::not_found ? kExitConfig : 1;
  }
  auto& io = (*router)->io();
  StopSignals signals(io, **router);
  std::optional<supervise::Supervisor> supervisor;
  if (options.contains("local")) {
    supervisor.emplace(io, supervise::SupervisorOptions{});
    start_local_workers(*supervisor, config, config_path);
  }
  log_info(kLog, "listening", {{"host", config.listen.host}, {"port", (*router)->port()}});
  (*router)->run();
  if (supervisor) stop_workers(io, *supervisor, signals);
  log_info(kLog, "stopped");
  return 0;
}

int run(int argc, char** argv) {
  const auto options = parse_options(argc, argv, {.values = {"config"}, .flags = {"local", "help", "version"}});
  if (!options) {
    std::fprintf(stderr, "batond: %s\n%s", options.error().c_str(), kUsage);
    return kExitUsage;
  }
  if (options->contains("help")) return std::fputs(kUsage, stdout), 0;
  if (options->contains("version")) return std::printf("batond %s\n", kVersion), 0;
  if (!options->contains("config")) {
    std::fprintf(stderr, "batond: --config is needed\n%s", kUsage);
    return kExitUsage;
  }
  const auto& path = options->at("config");
  auto config = config::load_config(path);
  if (!config) {
    std::fputs(config::format_problems(config.error()).c_str(), stderr);
    return kExitConfig;
  }
  return serve(std::move(*config), path, *options);
}

}  // namespace
}  // namespace baton::app

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  return baton::app::run(argc, argv);
}
