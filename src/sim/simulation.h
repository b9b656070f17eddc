#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schedule/coordinator.h"
#include "schedule/event_log.h"
#include "sim/histogram.h"
#include "sim/worker.h"
#include "sim/workload.h"

namespace baton::sim {

/// What goes wrong, and when.
struct Fault {
  enum class Kind : std::uint8_t {
    kill,   ///< the worker dies at once; the router learns of it when the connection breaks
    spot,   ///< notice is given, the worker drains, then it is gone
    slow,   ///< steps take `factor` times as long
    link,   ///< the adapter does `factor` of its bandwidth
  };
  Kind kind = Kind::kill;
  std::uint32_t worker = 0;
  Nanos at = 0;
  Nanos duration = 0;  ///< until all is well again; 0: never
  Nanos notice = 0;    ///< of a spot loss
  double factor = 1;
};
/// Spot losses of the spot workers, `per_hour` of each, until `horizon`.
std::vector<Fault> spot_losses(const std::vector<WorkerSpec>& workers, double per_hour, Nanos horizon, std::uint64_t seed);

enum class Fidelity : std::uint8_t { batch, fluid };

struct SimOptions {
  std::uint64_t seed = 1;
  Fidelity fidelity = Fidelity::batch;
  schedule::CoordinatorOptions coordinator;  ///< its classes judge the requests too; empty: one without promises
  std::vector<WorkerSpec> workers;
  std::vector<Fault> faults;
  double step_noise = 0;                         ///< standard deviation of the logarithm of a step's duration
  Nanos wire_latency = 150 * kMicrosecond;       ///< router to worker, worker to worker
  Nanos detection = 50 * kMillisecond;           ///< from a worker's death to the router knowing
  Nanos report_min = 20 * kMillisecond, report_max = 500 * kMillisecond;  ///< between load reports, as real workers do
  Nanos request_timeout = 600 * kSecond;
  std::int32_t default_max_tokens = 4096;        ///< of requests that ask for nothing
  bool knows_lengths = false;                    ///< the router is told each output's length in advance (an oracle)
  std::uint32_t samples_per_report = 4;          ///< step times a report carries
  schedule::EventWriter::Sink record;            ///< takes an event log of the run; may be empty
};

struct RequestOutcome {
  enum class End : std::uint8_t { none, finished, failed };
  Nanos arrival = 0, first = -1, last = -1, ended = -1;
  std::int32_t prompt = 0, tokens = 0, cached = 0, attempts = 0;
  std::int32_t class_index = 0;
  End end = End::none;
  Errc error = Errc::ok;
  std::uint64_t kv_bytes = 0;

  /// Mean time between tokens; 0 with fewer than two.
  double itl_s() const { return tokens < 2 ? 0 : seconds(last - first) / (tokens - 1); }
};

struct SimResult {
  std::vector<RequestOutcome> requests;   ///< as in the workload
  std::vector<Histogram> gaps;            ///< between tokens, by class; empty in the fluid fidelity
  std::vector<WorkerStats> workers;
  std::vector<Nanos> alive;               ///< how long each worker was there
  std::vector<ClassConfig> classes;
  schedule::CoordinatorStats coordinator;
  Nanos end = 0;                          ///< when the last request ended
  double kv_bytes = 0;                    ///< moved between workers
  std::uint64_t events = 0;               ///< happenings and tokens
  std::uint64_t happenings = 0;
  std::int32_t peak_queue = 0;
  std::vector<std::string> violations;    ///< broken promises of Coordinator or simulator; empty if all is well
};

/// Runs a workload against the real Coordinator and simulated workers until every request has ended. Deterministic:
/// equal arguments give equal results, bit for bit.
SimResult simulate(const SimOptions& options, const Workload& workload);

}  // namespace baton::sim
