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
  std::string gpu_type;           ///< as in the catalogue; empty: unknown
  std::optional<perf::Replica> replica = {};  ///< what the cost model needs; absent: unknown GPU or foreign engine
  double dollars_per_hour = 0;    ///< of the whole worker; 0: the replica's
  bool spot = false;
  std::string zone = {}, rack = {};  ///< empty: unknown
};

/// A worker's last load report (wire::Load, the part placement needs).
struct WorkerLoad {
  std::int32_t free_blocks = 0;
  std::int32_t running = 0;
  std::int32_t waiting = 0;
  std::int64_t waiting_prefill_tokens = 0;
};

/// Changes of a worker's prefix cache, by kv::block_hash of each block. Applied in this order.
struct CacheDelta {
  bool reset = false;  ///< forget all that was said before
  std::vector<std::uint64_t> evicted;
  std::vector<std::uint64_t> added;
};

/// What happened on a worker since its last load report.
struct WorkerNews {
  std::vector<perf::StepSample> steps;  ///< a sample of its engine steps, oldest first
  CacheDelta cache;
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
