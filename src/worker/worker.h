#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "baton/config.h"
#include "baton/error.h"
#include "engine/engine.h"
#include "engine/runner.h"
#include "grammar/grammar.h"
#include "perf/replica.h"

namespace baton::worker {

struct WorkerOptions {
  WorkerConfig worker;     ///< name, address, role, limits
  std::string model;       ///< served model name
  std::string model_hash;  ///< model::model_hash of the directory: P and D must agree
  KvTransferConfig kv_transfer;
  SchedulingConfig scheduling;
  std::string auth_token;
  std::shared_ptr<const grammar::Vocabulary> vocabulary;  ///< null: no constrained output
  bool checksum = false;  ///< checksum every KV slab of a hand-over
  std::chrono::milliseconds drain_timeout{30'000};
  std::int32_t blocks = 0;               ///< of the KV pool; 0: choose_blocks()
  std::optional<perf::Replica> replica;  ///< what the cost model takes this worker for; absent: routers must guess
};

/// One worker: engine thread, transfer thread and a control thread (the one in run()).
class Worker {
 public:
  /// Allocates the KV pool, opens the data plane, binds the control port. `runner` is attached to the pool.
  static Result<std::unique_ptr<Worker>> create(WorkerOptions options, std::unique_ptr<engine::ModelRunner> runner);
  virtual ~Worker() = default;

  virtual boost::asio::io_context& io() = 0;
  virtual std::uint16_t port() const = 0;
  virtual std::int32_t total_blocks() const = 0;
  virtual std::string transport() const = 0;

  /// Serves until it was stopped. Call once.
  virtual void run() = 0;
  /// First call: take nothing new, finish what runs (at most drain_timeout), end run(). Second call: end at once.
  /// On the io() thread only.
  virtual void stop() = 0;
};

/// How many KV blocks a pool gets: `gib` if set, else enough for max_batch full contexts but at most 512 MiB (one
/// full context always). Errc::config when not a single block fits.
Result<std::int32_t> choose_blocks(const KvLayout& layout, double gib, std::int32_t max_batch,
                                   std::int32_t max_context);

}  // namespace baton::worker
