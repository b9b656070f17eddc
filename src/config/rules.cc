#include "config/rules.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "config/class_rules.h"
#include "config/gpu.h"
#include "config/prices.h"

namespace baton::config {
namespace {

/// Where to point for a key of a worker: the key if it is written, else the worker.
const YamlNode& place(const WorkerEntry& entry, std::string_view key) {
  const YamlNode* node = entry.node->find(key);
  return node ? *node : *entry.node;
}

void check_gpu(const WorkerEntry& entry, const perf::Catalogue& catalogue, Problems& problems) {
  const perf::GpuSpec* gpu = catalogue.find(entry.config.gpu_type);
  if (!gpu) {
    problems.add(place(entry, "gpu_type"), entry.path + ".gpu_type",
                 unknown_gpu_type(catalogue, entry.config.gpu_type));
    return;
  }
  if (entry.config.dtype == "fp8" && !has_fp8(*gpu)) {
    problems.add(place(entry, "dtype"), entry.path + ".dtype",
                 gpu->name + " has no FP8; use bfloat16, float16, int8 or int4 (GPUs with FP8: " +
                     gpu_type_names(catalogue, has_fp8) + ")");
  }
  for (const auto& [key, value] :
       {std::pair("dtype", entry.config.dtype), std::pair("kv_dtype", entry.config.kv_dtype)}) {
    if (value != "bfloat16" || has_bf16(*gpu)) continue;
    problems.add(place(entry, key), entry.path + "." + key,
                 gpu->name + " has no bfloat16; use float16, or a GPU since Ampere");
  }
}

void check_worker(const WorkerEntry& entry, const perf::Catalogue& catalogue, Problems& problems) {
  const WorkerConfig& worker = entry.config;
  if (entry.list_role != Role::both && worker.role != entry.list_role) {
    const bool in_prefill = entry.list_role == Role::prefill;
    const std::string_view remedy = worker.role == Role::both ? "workers"
                                    : in_prefill              ? "decode_workers"
                                                              : "prefill_workers";
    problems.add(place(entry, "role"), entry.path + ".role",
                 "the role contradicts the list the worker is in; move the worker to " + std::string(remedy) +
                     " or set role: " + (in_prefill ? "prefill" : "decode"));
  }
  check_gpu(entry, catalogue, problems);
  if (worker.tensor_parallel > worker.gpu_count) {
    problems.add(place(entry, "tensor_parallel"), entry.path + ".tensor_parallel",
                 std::to_string(worker.tensor_parallel) + " is more than the worker's gpu_count of " +
                     std::to_string(worker.gpu_count) + "; lower it or raise gpu_count");
  }
  if (worker.port + worker.replicas - 1 > 65535) {
    problems.add(place(entry, "replicas"), entry.path + ".replicas",
                 std::to_string(worker.replicas) + " replicas from port " + std::to_string(worker.port) +
                     " on need ports above 65535; lower port or replicas");
  }
}

std::string lower_case(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

void check_addresses(const std::vector<WorkerEntry>& workers, Problems& problems) {
  std::map<std::pair<std::string, int>, const WorkerEntry*> taken;
  for (const WorkerEntry& entry : workers) {
    if (entry.config.host.empty()) continue;  // reported as missing
    for (int i = 0; i < entry.config.replicas; ++i) {
      const int port = entry.config.port + i;
      const auto [other, is_new] = taken.emplace(std::pair(lower_case(entry.config.host), port), &entry);
      if (is_new) continue;
      problems.add(place(entry, "port"), entry.path + ".port",
                   entry.config.host + ":" + std::to_string(port) + " is already used by " + other->second->path +
                       " in line " + std::to_string(other->second->node->line) +
                       "; give each worker a port of its own");
      break;
    }
  }
}

void check_worker_names(const std::vector<WorkerEntry>& workers, Problems& problems) {
  std::map<std::string_view, const WorkerEntry*> taken;
  for (const WorkerEntry& entry : workers) {
    if (entry.config.name.empty()) continue;
    const auto [other, is_new] = taken.emplace(entry.config.name, &entry);
    if (is_new) continue;
    problems.add(place(entry, "name"), entry.path + ".name",
                 quoted(entry.config.name) + " is already the name of " + other->second->path + "; choose another");
  }
}

void check_pools(const std::vector<WorkerEntry>& workers, const YamlNode& root, Problems& problems) {
  const auto nobody = [&](Role role) {
    return std::ranges::none_of(workers, [&](const WorkerEntry& entry) {
      return entry.config.role == role || entry.config.role == Role::both;
    });
  };
  const YamlNode whole_file;
  const auto report = [&](std::string_view list, std::string_view task) {
    const YamlNode* node = root.find(list);
    problems.add(node ? *node : whole_file, std::string(list),
                 "no worker can " + std::string(task) + "; add one here, or one with role: both under workers");
  };
  if (nobody(Role::prefill)) report("prefill_workers", "prefill");
  if (nobody(Role::decode)) report("decode_workers", "decode");
}

void check_pings(const Config& config, const YamlNode& root, Problems& problems) {
  if (config.fault_tolerance.ping_timeout > config.fault_tolerance.ping_interval) return;
  const YamlNode* section = root.find("fault_tolerance");
  if (!section) return;  // the defaults are in order
  const YamlNode* node = section->find("ping_timeout");
  problems.add(node ? *node : *section, "fault_tolerance.ping_timeout",
               "must be longer than ping_interval, or every worker counts as lost between two pings");
}

}  // namespace

std::vector<std::string> check_rules(const ReadConfig& read, const YamlNode& root, Problems& problems) {
  for (const WorkerEntry& entry : read.workers) check_worker(entry, catalogue_of(read.config), problems);
  check_addresses(read.workers, problems);
  check_worker_names(read.workers, problems);
  check_pools(read.workers, root, problems);
  check_pings(read.config, root, problems);

  std::vector<std::string> notes = check_classes(read, problems);
  if (read.config.kv_transfer.backend == "nixl") notes.push_back("kv_transfer.backend: nixl is read as ucx");
  for (const WorkerEntry& entry : read.workers) {
    const int used = entry.config.tensor_parallel;
    if (used == 0 || used >= entry.config.gpu_count) continue;
    notes.push_back(entry.path + ": " + std::to_string(entry.config.gpu_count - used) + " of its " +
                    std::to_string(entry.config.gpu_count) + " GPUs stay idle; use replicas to occupy them");
  }
  return notes;
}

}  // namespace baton::config
