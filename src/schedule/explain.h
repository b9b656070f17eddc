#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "baton/config.h"
#include "baton/types.h"
#include "classify/length.h"

namespace baton::schedule {

/// A worker as the prefill side of a request. Expectations, not promises.
struct PrefillTerms {
  std::string worker;
  std::int64_t cached_tokens = 0;  ///< of the prompt, in its prefix cache
  double queue_s = 0;              ///< until the prompt's turn comes
  double prefill_s = 0;            ///< to compute the rest of it
  double dollars = 0;
  double risk_dollars = 0;         ///< expected cost of doing it again (spot)
  double preference = 1;           ///< factor of the class's GPU preferences
  bool saturated = false;          ///< its backlog is beyond worker_queue
};

/// A worker as the decode side of a request.
struct DecodeTerms {
  std::string worker;
  std::int64_t cached_tokens = 0;
  double batch = 0;         ///< sequences with this one
  double mean_context = 0;  ///< tokens
  double itl_s = 0;
  double dollars = 0;
  double risk_dollars = 0;
  double preference = 1;
  bool has_room = true;     ///< for prompt and predicted output (p90)
  bool saturated = false;
};

/// A way to serve a request.
struct PathTerms {
  Mode mode = Mode::split;
  std::string prefill, decode;
  double transfer_s = 0;  ///< what the client waits for of it
  double ttft_s = 0, itl_s = 0;
  double dollars = 0;
  double pressure = 0;    ///< how much of objectives and batch is taken up together
  double violation = 0;   ///< sum of the shares beyond the objectives; 0: both are met
  double price = 0;       ///< dollars weighed by pressure and preference: the cheapest path wins
};

/// Why a request goes where it goes: every candidate with every term.
struct Explanation {
  RequestId request;
  std::string policy;
  std::string class_name;       ///< whose objectives counted
  std::string asked_class;      ///< differs if a fallback took its place
  std::int32_t priority = 0;
  SloConfig slo;                ///< as used; 0: none
  std::int64_t tokens = 0;      ///< to prefill
  classify::LengthForecast output;
  double waited_s = 0;
  std::int32_t attempt = 1;
  std::vector<PrefillTerms> prefill;  ///< those that may serve it
  std::vector<DecodeTerms> decode;
  std::vector<PathTerms> paths;       ///< the best of each decode worker, best first; at most kMaxPaths
  PathTerms chosen;
  std::string reason;                 ///< one sentence
  static constexpr std::size_t kMaxPaths = 64;
};

/// A table for people.
std::string to_text(const Explanation& explanation);
/// One line of compact JSON, members as in the struct.
std::string to_json(const Explanation& explanation);

}  // namespace baton::schedule
