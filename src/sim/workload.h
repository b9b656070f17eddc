#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "baton/types.h"
#include "sim/time.h"

namespace baton::sim {

/// One request as its client sends it, and how long its answer will turn out to be.
struct SimRequest {
  Nanos arrival = 0;
  std::int32_t prompt_tokens = 1;
  std::int32_t output_tokens = 1;
  std::int32_t max_tokens = 0;     ///< what the client asked for; 0: it did not say
  std::uint32_t tenant = 0;        ///< 0: nobody in particular
  std::uint32_t first_hash = 0;    ///< its blocks are Workload::hashes[first_hash, first_hash + hash_count)
  std::uint32_t hash_count = 0;
};

/// Requests by ascending arrival.
struct Workload {
  std::vector<SimRequest> requests;
  std::vector<std::uint64_t> hashes;  ///< one per hash_tokens tokens of a prompt: equal prefixes have equal hashes
  std::int32_t hash_tokens = 512;

  double span_s() const;
  double rate() const;  ///< requests per second; 0 below two requests
  double mean_prompt() const;
  double mean_output() const;
};

/// The tokens of request `index`: those of its hashes, then some that no other request has.
std::vector<TokenId> prompt_of(const Workload& workload, std::size_t index);

/// Keeps `count` requests starting at a place drawn with `seed` (wrapping around), and lets them arrive at `rate`
/// requests/s with the same relative gaps. rate 0: as recorded. count 0: all.
struct Cut {
  std::size_t count = 0;
  double rate = 0;
  std::uint64_t seed = 0;  ///< 0: from the beginning
};
Workload cut(const Workload& workload, const Cut& how);

/// All requests of both, by arrival.
Workload merge(const Workload& a, const Workload& b);

}  // namespace baton::sim
