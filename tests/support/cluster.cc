#include "support/cluster.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

namespace baton::test {
namespace {

std::string worker_entry(const std::string& name, std::uint16_t port, const std::string& role,
                         const std::string& extra) {
  return "  - name: " + name + "\n    host: 127.0.0.1\n    port: " + std::to_string(port) +
         "\n    gpu_type: CPU\n    role: " + role + "\n    threads: 1\n    kv_cache_gib: 0.05\n" + extra;
}

}  // namespace

Cluster::Cluster(const ClusterOptions& options) : config_path_(dir_.path() + "/cluster.yaml"), port_(free_port()) {
  std::ostringstream yaml;
  const auto model =
      options.model_path.empty() ? std::string(BATON_SOURCE_DIR "/tests/data/baton-tiny") : options.model_path;
  yaml << "model: tiny\nmodel_path: \"" << model << "\"\nlisten: \"127.0.0.1:" << port_ << "\"\n";
  // A policy that splits whenever it can, so that tests see hand-overs for certain.
  if (options.extra.find("scheduling:") == std::string::npos) yaml << "scheduling:\n  policy: least_loaded\n";
  yaml << "kv_transfer:\n  protocol: " << options.protocol << "\n" << options.extra;
  const auto section = [&](const char* title, const char* role, int count) {
    if (count == 0) return;
    yaml << title << ":\n";
    for (int i = 0; i < count; ++i) {
      names_.push_back(std::string(role) + std::to_string(i));
      yaml << worker_entry(names_.back(), free_port(), role, options.worker_extra);
    }
  };
  section("prefill_workers", "prefill", options.prefill);
  section("decode_workers", "decode", options.decode);
  section("workers", "both", options.both);
  std::ofstream(config_path_) << yaml.str();

  workers_.resize(names_.size());
  for (std::size_t i = 0; i < names_.size(); ++i) start_worker(i);
  router_ = Process({BATON_BIN_DIR "/batond", "--config", config_path_}, dir_.path() + "/log");
}

Cluster::~Cluster() = default;

void Cluster::start_worker(std::size_t index) {
  workers_[index] =
      Process({BATON_BIN_DIR "/baton-worker", "--config", config_path_, "--name", names_[index]}, dir_.path() + "/log");
}

void Cluster::restart_worker(std::size_t index) {
  start_worker(index);
}

bool Cluster::wait_ready(std::chrono::milliseconds patience) const {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < deadline) {
    // One worker alone is ready to serve whole requests; tests want the whole cluster.
    const bool ready = http({.port = port_, .target = "/ready"}).status == 200;
    if (ready && metric("baton_workers_up") >= static_cast<double>(workers_.size())) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

double Cluster::metric(const std::string& name, const std::string& label) const {
  std::istringstream lines(http({.port = port_, .target = "/metrics"}).body);
  double sum = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    const char next = line.size() > name.size() ? line[name.size()] : '\0';
    if ((next != ' ' && next != '{') || line.find(label) == std::string::npos) continue;
    sum += std::atof(line.substr(line.rfind(' ') + 1).c_str());
  }
  return sum;
}

std::string Cluster::logs() const {
  std::ostringstream text;
  text << std::ifstream(dir_.path() + "/log").rdbuf();
  return text.str();
}

}  // namespace baton::test
