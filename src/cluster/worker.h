#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "baton/types.h"
#include "perf/calibration.h"
#include "perf/replica.h"

namespace baton::cluster {

/// What a worker said of itself in its hello.
struct WorkerInfo {
  std::string name;
  Role role = Role::both;
  std::uint64_t incarnation = 0;
  std::string model_hash;  ///< P and D of a pair must agree
  std::string host_id;
  std::int32_t block_tokens = 16;
  std::int32_t total_blocks = 0;  ///< 0: unknown
  std::int32_t max_batch = 0;     ///< sequences; 0: unknown
  std::int32_t max_context = 0;   ///< tokens; 0: unknown
  // Where it runs and what it costs.
  std::string gpu_type;
  std::string zone, rack;                ///< empty: unknown
  bool spot = false;                     ///< may be taken away at short notice
  double price_per_hour = 0;             ///< US dollars of the whole worker; 0: unknown
  std::optional<perf::Replica> replica;  ///< prior of the cost model; absent: GPU type or model shape unknown
};

/// How a worker's prefix cache changed since its last report: chain hashes of full blocks (kv/prefix_hash.h). A hash is
/// in at most one of the lists.
struct CacheDelta {
  std::vector<std::uint64_t> added = {}, removed = {};
  bool reset = false;  ///< forget all that was known of this worker's cache first
  bool empty() const { return added.empty() && removed.empty() && !reset; }
  friend bool operator==(const CacheDelta&, const CacheDelta&) = default;
};

/// A worker's last load report (wire::Load, the part placement needs). Views keep the counts alone.
struct WorkerLoad {
  std::int32_t free_blocks = 0;
  std::int32_t running = 0;
  std::int32_t waiting = 0;
  std::int64_t waiting_prefill_tokens = 0;
  std::vector<perf::StepSample> samples = {};  ///< of steps since the last report, a few
  CacheDelta cache = {};
};

/// What one attempt takes from one worker, booked when it is sent and released when it ends there.
struct Booking {
  std::int32_t sequences = 0;
  std::int32_t blocks = 0;
  std::int64_t prefill_tokens = 0;  ///< not computed yet
  std::int32_t prefills = 0;        ///< sequences with prefill_tokens
  std::int64_t context_tokens = 0;  ///< mean length of the decoding sequences over their lives, summed
  friend bool operator==(const Booking&, const Booking&) = default;

  Booking& operator+=(const Booking& other) {
    sequences += other.sequences;
    blocks += other.blocks;
    prefill_tokens += other.prefill_tokens;
    prefills += other.prefills;
    context_tokens += other.context_tokens;
    return *this;
  }
  Booking& operator-=(const Booking& other) {
    sequences -= other.sequences;
    blocks -= other.blocks;
    prefill_tokens -= other.prefill_tokens;
    prefills -= other.prefills;
    context_tokens -= other.context_tokens;
    return *this;
  }
};

}  // namespace baton::cluster
