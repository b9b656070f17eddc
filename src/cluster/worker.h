#pragma once

#include <cstdint>
#include <string>

#include "baton/types.h"

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
};

/// A worker's last load report (wire::Load, the part placement needs).
struct WorkerLoad {
  std::int32_t free_blocks = 0;
  std::int32_t running = 0;
  std::int32_t waiting = 0;
  std::int64_t waiting_prefill_tokens = 0;
};

/// What one attempt takes from one worker, booked when it is sent and released when it ends there.
struct Booking {
  std::int32_t sequences = 0;
  std::int32_t blocks = 0;
  std::int64_t prefill_tokens = 0;  ///< not computed yet
  friend bool operator==(const Booking&, const Booking&) = default;

  Booking& operator+=(const Booking& other) {
    sequences += other.sequences;
    blocks += other.blocks;
    prefill_tokens += other.prefill_tokens;
    return *this;
  }
  Booking& operator-=(const Booking& other) {
    sequences -= other.sequences;
    blocks -= other.blocks;
    prefill_tokens -= other.prefill_tokens;
    return *this;
  }
};

}  // namespace baton::cluster
