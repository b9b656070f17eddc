#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "support/http_client.h"
#include "support/process.h"

namespace baton::test {

struct ClusterOptions {
  int prefill = 1;
  int decode = 1;
  int both = 0;
  std::string protocol = "auto";  ///< kv_transfer.protocol
  std::string extra = {};         ///< further top-level YAML
  std::string worker_extra = {};  ///< further keys of every worker, each line indented by four spaces
  std::string model_path = {};    ///< default: the tiny model in tests/data
};

/// Real processes on loopback: one batond and its workers, each started by the test itself so that it can kill them.
class Cluster {
 public:
  explicit Cluster(const ClusterOptions& options);
  ~Cluster();

  std::uint16_t port() const { return port_; }
  std::size_t workers() const { return workers_.size(); }
  Process& worker(std::size_t index) { return workers_[index]; }
  Process& router() { return router_; }
  /// Starts a dead worker again on its old port.
  void restart_worker(std::size_t index);
  /// Waits until GET /ready says 200.
  bool wait_ready(std::chrono::milliseconds patience = std::chrono::seconds(60)) const;
  /// Sum over all series of one /metrics family; a label filter such as `transport="tcp"` narrows it.
  double metric(const std::string& name, const std::string& label = {}) const;
  HttpResponse complete(const std::string& body) const { return post(port_, "/v1/completions", body); }
  HttpResponse chat(const std::string& body) const { return post(port_, "/v1/chat/completions", body); }
  /// Everything the processes logged.
  std::string logs() const;
  const std::string& config_path() const { return config_path_; }

 private:
  void start_worker(std::size_t index);

  TempDir dir_;
  std::string config_path_;
  std::uint16_t port_ = 0;
  std::vector<std::string> names_;
  std::vector<Process> workers_;
  Process router_;
};

}  // namespace baton::test
