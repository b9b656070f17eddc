#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "baton/error.h"
#include "baton/types.h"
#include "cluster/worker.h"
#include "perf/calibration.h"
#include "perf/replica.h"
#include "sim/time.h"

namespace baton::sim {

/// A worker to simulate.
struct WorkerSpec {
  cluster::WorkerInfo info;         ///< what it tells the router; total_blocks, max_batch and max_context are set
  perf::Replica truth;              ///< what its steps really take
  std::int32_t chunk_tokens = 512;  ///< rows of one step
  double nic_bytes_per_s = 0;       ///< one direction; 0: unlimited
  std::string gpu;                  ///< for the report
  std::int32_t gpus = 1;
  bool spot = false;
};

enum class Part : std::uint8_t { whole, prefill, decode };

/// A dispatch as it reaches a worker.
struct Submit {
  AttemptId attempt;
  Part part = Part::whole;
  std::shared_ptr<const GenerationSpec> spec;
  double itl_slo_s = 0;  ///< promised between two tokens; 0: nothing
};

/// What D tells P through the router: where to push, and what it has already.
struct Ticket {
  std::uint32_t worker = 0;
  std::int32_t first_token = 0;
};
std::string format_ticket(const Ticket& ticket);
Ticket parse_ticket(const std::string& text);

/// What a worker asks of the world around it. Every call names the worker by its index.
class WorkerPort {
 public:
  virtual ~WorkerPort() = default;
  virtual Nanos now() const = 0;
  /// Calls wake(data) then, unless the worker died before.
  virtual void wake_at(std::uint32_t worker, Nanos at, std::uint64_t data) = 0;
  /// How long the answer to this request will be.
  virtual std::int32_t output_tokens(const GenerationSpec& spec) const = 0;
  /// A factor near 1 on the duration of a step: noise and faults.
  virtual double slowness(std::uint32_t worker) = 0;

  // To the router, in order.
  virtual void send_ticket(std::uint32_t worker, AttemptId attempt, const Ticket& ticket) = 0;
  virtual void send_prefilled(std::uint32_t worker, AttemptId attempt, std::int32_t cached_tokens) = 0;
  virtual void send_handed(std::uint32_t worker, AttemptId attempt, double bytes, Nanos elapsed) = 0;
  virtual void send_failed(std::uint32_t worker, AttemptId attempt, Error error) = 0;
  /// The tokens of one step in one frame.
  virtual void send_tokens(std::uint32_t worker, const std::vector<TokenOut>& tokens) = 0;

  // KV to another worker. One hand-over per attempt.
  virtual void begin_push(std::uint32_t worker, AttemptId attempt, std::uint32_t to) = 0;
  virtual void push(std::uint32_t worker, AttemptId attempt, double bytes) = 0;
  /// No more will come: when all has moved, `to` gets committed() and then this worker delivered().
  virtual void finish_push(std::uint32_t worker, AttemptId attempt, TokenId first) = 0;
  virtual void abort_push(std::uint32_t worker, AttemptId attempt) = 0;
};

struct WorkerStats {
  Nanos busy = 0;          ///< in steps
  Nanos prefill = 0;       ///< of it what prompts cost
  std::uint64_t steps = 0, prefill_tokens = 0, decode_tokens = 0, cached_tokens = 0, preemptions = 0;
  std::int32_t peak_blocks = 0;
};

/// One simulated worker. Its fidelity is its class: BatchWorker steps like the engine, FluidWorker request by request.
/// Calls arrive in the order of simulated time.
class Worker {
 public:
  virtual ~Worker() = default;
  virtual void submit(const Submit& submit) = 0;
  virtual void grant(AttemptId attempt, const Ticket& ticket) = 0;
  virtual void cancel(AttemptId attempt) = 0;
  /// The KV of a reservation is in place. False: it is no longer wanted.
  virtual bool committed(AttemptId attempt, TokenId first) = 0;
  /// All that was pushed for the attempt is with its peer, or (error) will never be.
  virtual void delivered(AttemptId attempt, double bytes, Nanos elapsed, const Error* error) = 0;
  virtual void wake(std::uint64_t data) = 0;

  virtual cluster::WorkerLoad load() const = 0;
  /// Durations of up to `most` of the steps since the last call, for calibration.
  virtual std::vector<perf::StepSample> take_samples(std::size_t most) = 0;
  virtual const WorkerStats& stats() const = 0;
  /// Attempts it still holds something of. 0 when all is quiet.
  virtual std::size_t held() const = 0;
  /// Blocks of live attempts; cached ones do not count.
  virtual std::int32_t used_blocks() const = 0;
};

std::unique_ptr<Worker> make_batch_worker(std::uint32_t index, const WorkerSpec& spec, WorkerPort& port);
std::unique_ptr<Worker> make_fluid_worker(std::uint32_t index, const WorkerSpec& spec, WorkerPort& port);

}  // namespace baton::sim
