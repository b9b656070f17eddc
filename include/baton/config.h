#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "baton/types.h"

namespace baton::perf {
struct Catalogue;
}

namespace baton {

enum class EngineKind : std::uint8_t { native, simulated, vllm, sglang, openai };
enum class KvProtocol : std::uint8_t { automatic, rdma, tcp, shm };
enum class PlacementPolicy : std::uint8_t { round_robin, least_loaded, power_of_two, prefix_aware, cost };

/// How `engine: simulated` behaves.
struct SimulationConfig {
  double time_scale = 1.0;                ///< times the cost model's duration of a step; 0: at once
  std::int32_t output_tokens = 256;       ///< mean of the drawn lengths at which answers end
  std::int32_t kv_bytes_per_token = 64;   ///< of KV really stored and handed over
  friend bool operator==(const SimulationConfig&, const SimulationConfig&) = default;
};

/// One entry of prefill_workers / decode_workers / workers.
struct WorkerConfig {
  std::string name;  ///< default: host:port
  std::string host;
  std::uint16_t port = 7700;
  std::string gpu_type = "CPU";
  std::int32_t gpu_count = 1;
  Role role = Role::both;
  EngineKind engine = EngineKind::native;
  std::int32_t tensor_parallel = 0;  ///< 0: gpu_count
  std::string dtype = "auto";
  std::string kv_dtype = "auto";
  double price_per_hour = 0.0;  ///< US dollars for the whole worker; 0: from the price list
  bool spot = false;
  std::string zone;
  std::string rack;
  std::int32_t replicas = 1;
  std::int32_t max_batch = 0;  ///< sequences; 0: chosen by the worker
  bool spawn = false;          ///< `batond --local` starts it (implied for hosts on this machine)
  std::int32_t threads = 0;    ///< CPU engine threads; 0: cores / workers on this host
  double kv_cache_gib = 0.0;   ///< KV pool; 0: chosen by the worker
  SimulationConfig simulation;
  friend bool operator==(const WorkerConfig&, const WorkerConfig&) = default;
};

struct KvTransferConfig {
  std::string backend = "ucx";  ///< "nixl" is read as ucx
  KvProtocol protocol = KvProtocol::automatic;
  bool allow_fallback = false;       ///< rdma configured but only tcp there: refuse unless true
  std::vector<std::string> devices;  ///< UCX_NET_DEVICES
  friend bool operator==(const KvTransferConfig&, const KvTransferConfig&) = default;
};

struct ListenConfig {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8000;
  friend bool operator==(const ListenConfig&, const ListenConfig&) = default;
};

struct LimitsConfig {
  std::int64_t body_bytes = 32 << 20;
  std::int64_t header_bytes = 64 << 10;
  std::int32_t queue_requests = 1024;    ///< waiting for placement; beyond: 429
  std::int32_t running_requests = 4096;  ///< in flight in this router; beyond: queue
  std::int32_t connections = 16384;
  std::chrono::milliseconds request_timeout{600'000};
  std::chrono::milliseconds queue_timeout{60'000};
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds body_timeout{60'000};
  std::chrono::milliseconds idle_timeout{75'000};
  std::chrono::milliseconds write_timeout{30'000};
  std::chrono::milliseconds drain_delay{0};         ///< after SIGTERM: still serving, /ready says no
  std::chrono::milliseconds drain_timeout{30'000};  ///< then: for running requests to finish
  friend bool operator==(const LimitsConfig&, const LimitsConfig&) = default;
};

/// What a class of requests is promised. 0: no promise.
struct SloConfig {
  double ttft_ms = 0;
  double itl_ms = 0;
  friend bool operator==(const SloConfig&, const SloConfig&) = default;
};

/// Half-open range of token counts; max 0: no upper end.
struct TokenRange {
  std::int32_t min = 0, max = 0;
  bool contains(double tokens) const {
    return tokens >= static_cast<double>(min) && (max == 0 || tokens < static_cast<double>(max));
  }
  friend bool operator==(const TokenRange&, const TokenRange&) = default;
};

/// One entry of `classes`: which requests belong to it and how they are served.
struct ClassConfig {
  std::string name;
  TokenRange prompt_tokens;
  TokenRange output_tokens;          ///< compared with the predicted median
  std::vector<std::string> models;   ///< served names; empty: any
  std::vector<std::string> keys;     ///< names of API keys (tenants); empty: any
  bool by_name_only = false;         ///< chosen by the x-baton-class header, never by ranges
  std::int32_t priority = 0;         ///< higher goes first
  SloConfig slo;
  std::vector<std::string> prefer_prefill_gpus;  ///< gpu types, best first; empty: by cost
  std::vector<std::string> prefer_decode_gpus;
  bool best_effort = false;          ///< no SLO at all, not even the top-level one
  bool allow_spot = true;
  bool prefer_spot = false;             ///< spot capacity first (batch work)
  std::string fallback;                 ///< class used when this one's SLO cannot be met; empty: best effort
  friend bool operator==(const ClassConfig&, const ClassConfig&) = default;
};

struct SchedulingConfig {
  PlacementPolicy policy = PlacementPolicy::cost;
  std::int32_t prefill_chunk_tokens = 512;  ///< tokens of one engine step spent on prefill
  std::int32_t block_tokens = 16;
  std::int32_t local_below_tokens = 0;  ///< prompts shorter than this are prefilled by the decode worker itself
  double slo_headroom = 0.9;            ///< share of an objective that expectations may take up
  double spot_losses_per_hour = 0.3;    ///< of one spot worker
  /// Backlog of a worker beyond which requests wait in the router, where priority and fairness order them. 0: none.
  std::chrono::milliseconds worker_queue{1'000};
  std::chrono::milliseconds priority_ageing{5'000};  ///< waiting this long counts like one step of priority
  double shed_ttft_factor = 10;  ///< requests that would wait longer than this times their TTFT objective are refused; 0: none
  /// What one direction between two workers carries, by where they are, until hand-overs were measured; Gb/s. Workers
  /// that name neither rack nor zone count as of one zone.
  double host_link_gbps = 160, rack_link_gbps = 100, zone_link_gbps = 50, remote_link_gbps = 10;
  double remote_dollars_per_gb = 0;  ///< price of traffic between zones
  bool explain = false;  ///< decisions with their reasons by x-baton-explain and /admin/decisions
  friend bool operator==(const SchedulingConfig&, const SchedulingConfig&) = default;
};

struct FaultConfig {
  std::int32_t max_attempts = 4;
  std::chrono::milliseconds connect_timeout{2'000};
  std::chrono::milliseconds ping_interval{1'000};
  std::chrono::milliseconds ping_timeout{3'000};
  bool role_fallback = true;  ///< with no worker of a role left, any survivor serves whole requests
  friend bool operator==(const FaultConfig&, const FaultConfig&) = default;
};

/// The whole file. `model` is a directory, or a Hugging Face id looked up under `model_path`.
struct Config {
  std::string source;  ///< path it was read from; not compared by diff
  std::string model;
  std::string model_path;         ///< directory of the weights (absolute or relative to the working directory; the
                                  ///< loader resolves it against the file's directory); empty: `model` is the directory
  std::string served_model_name;  ///< default: `model` (filled in by the loader)
  ListenConfig listen;
  std::vector<std::string> cors_origins;  ///< whose pages may call from a browser; "*": any; empty: none
  std::int32_t threads = 1;  ///< router shards
  /// In the order prefill_workers, decode_workers, workers. An entry with replicas: n was expanded by the loader into n
  /// entries with replicas = 1, ports port, port + 1, … and names NAME-0, NAME-1, ….
  std::vector<WorkerConfig> workers;
  KvTransferConfig kv_transfer;
  LimitsConfig limits;
  SchedulingConfig scheduling;
  FaultConfig fault_tolerance;
  std::vector<ClassConfig> classes;  ///< empty: the built-in ones
  SloConfig slo;                     ///< of classes that leave theirs open; built-in classes take it too
  std::string auth_token;  ///< shared token between router and workers; empty: none
  std::string log_level = "info";
  std::string prices;  ///< file of GPU types and prices, resolved like model_path; empty: the built-in ones
  std::shared_ptr<const perf::Catalogue> catalogue;  ///< read from it; null: the built-in one (config::catalogue_of)
  std::vector<std::string> notes;  ///< accepted but worth a warning in the log; not compared by diff
};

}  // namespace baton
