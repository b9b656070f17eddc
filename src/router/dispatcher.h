#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "aio/asio.h"
#include "aio/task_group.h"
#include "router/recording.h"
#include "router/retry_after.h"
#include "router/router_metrics.h"
#include "router/shard_board.h"
#include "router/worker_link.h"
#include "schedule/coordinator.h"

namespace baton::router {

/// What is made of a spec on the way to the workers, where a long prompt is better worked at on another thread.
struct SpecDigest {
  std::shared_ptr<const std::string> bytes;  ///< of wire::encode_spec()
  std::vector<std::uint64_t> prefix_hashes;  ///< of schedule::prefix_hashes()
};
SpecDigest digest_of(const GenerationSpec& spec, std::int32_t block_tokens);

/// One choice of a client request, to be generated.
struct Submission {
  std::shared_ptr<const GenerationSpec> spec;
  TimePoint deadline = kNever;
  classify::Features features;
  bool explain = false;  ///< on_explained before each dispatch
  std::optional<SpecDigest> digest = {};  ///< absent: made when needed
};

/// Receives what becomes of the choices of one client request. Called from the Dispatcher on the loop's thread.
class GenerationSink {
 public:
  virtual ~GenerationSink() = default;
  virtual void on_token(std::size_t choice, const TokenOut& token) = 0;
  /// Logprobs of the prompt, piece by piece and in order, before the first token; only for specs that ask for them.
  virtual void on_prompt_logprobs(std::size_t choice, const PromptLogprobs& logprobs) = 0;
  /// Why the choice goes where it goes; before each of its attempts, if asked for.
  virtual void on_explained(std::size_t choice, std::shared_ptr<const schedule::Explanation> why) = 0;
  virtual void on_finish(std::size_t choice, const schedule::Finish& finish) = 0;
  virtual void on_fail(std::size_t choice, const Error& error) = 0;
};

/// Runs one shard's Coordinator: events from worker links, clients and the clock go in, its commands become frames to
/// workers and calls of sinks. Everything on one loop's thread.
class Dispatcher {
 public:
  Dispatcher(aio::asio::any_io_executor executor, const Config& config, std::size_t shard, RouterMetrics& metrics,
             ShardBoard& board);
  ~Dispatcher();

  /// Writes this shard's event log from now on; before the first event.
  Result<void> record(const Config& config);

  /// Dials every worker of `workers` and drops links to others.
  void set_workers(const std::vector<WorkerConfig>& workers);

  /// Starts one choice. `sink` hears of it until on_finish, on_fail or abandon(); on_fail may come before submit()
  /// returns.
  RequestId submit(Submission submission, GenerationSink& sink, std::size_t choice);
  enum class Why : std::uint8_t { unwanted, complete };
  /// No more of this choice: its client left, or its text is complete (stop string). Nothing happens if it ended
  /// already.
  void abandon(RequestId request, Why why);

  /// What a submission would fail with at once, whatever it asks for: look before work is put into a request.
  std::optional<Error> refusal() const;

  /// Readiness says no from now on; submissions are still served.
  void announce_drain();
  /// New submissions fail with Errc::draining from now on.
  void start_drain();
  /// Ends every running choice with `error`.
  void fail_all(const Error& error);
  /// Ends the links and waits for their coroutines. No submissions may be left.
  aio::asio::awaitable<void> stop();

  /// Why no prompt can be served now, by any shard; empty when one can.
  std::vector<std::string> not_ready() const { return board_.not_ready(); }
  /// Tokens a prompt and its answer may have together: the least of the workers'. 0 before any worker was seen.
  std::int32_t max_context() const { return max_context_; }
  void publish_gauges();

 private:
  struct Target {
    GenerationSink* sink;
    std::size_t choice;
    std::shared_ptr<const GenerationSpec> spec;
  };
  struct Encoded {
    std::shared_ptr<const GenerationSpec> spec;
    std::shared_ptr<const std::string> bytes;
  };

  void feed(schedule::Event event);
  void execute(const schedule::Command& command);
  void execute_send(const schedule::SendGenerate& command);
  void execute_send(const schedule::SendPrefill& command);
  void execute_send(const schedule::SendReserve& command);
  void execute_send(const schedule::SendGrant& command);
  void execute_send(const schedule::SendCancel& command);
  template <class Command>
  void send_spec(wire::SpecKind kind, const Command& command);
  template <class Frame>
  void send_to(WorkerId worker, const Frame& frame);
  std::shared_ptr<const std::string> bytes_of(const std::shared_ptr<const GenerationSpec>& spec);
  std::optional<Target> forget(RequestId request);
  void arm_timer();
  void add_worker(const WorkerConfig& worker);
  void on_worker_event(WorkerLink& link, const schedule::Event& event);
  void on_load(const WorkerLink& link, const wire::Load& load);
  void recompute_max_context();
  void publish_demand(const schedule::CoordinatorStats& now);
  void report_readiness();
  void end(RequestId request, const std::function<void(const Target&)>& tell);
  Error advised(const Error& error) const;

  aio::asio::any_io_executor executor_;
  FaultConfig faults_;
  std::string auth_token_;
  std::size_t shard_index_;
  std::string shard_;
  std::size_t queue_limit_;
  std::string router_id_;
  RouterMetrics& metrics_;
  ShardBoard& board_;
  ServiceRate service_rate_;
  schedule::Coordinator coordinator_;
  std::unique_ptr<Recording> recording_;
  schedule::CoordinatorStats published_;
  std::unordered_map<WorkerId, std::unique_ptr<WorkerLink>> links_;
  std::vector<std::unique_ptr<WorkerLink>> retired_;
  std::unordered_map<RequestId, Target> active_;
  std::unordered_map<const GenerationSpec*, std::shared_ptr<const std::string>> digested_;  ///< of active requests
  Encoded encoded_;  ///< the last one, while the commands of one event are executed: a split attempt sends it twice
  std::deque<schedule::Event> events_;
  aio::asio::steady_timer timer_;
  TimePoint armed_for_ = kNever;
  aio::TaskGroup tasks_;
  std::uint64_t last_request_ = 0;
  std::uint32_t last_worker_ = 0;
  std::int32_t max_context_ = 0;
  bool busy_ = false;
  bool drain_announced_ = false;
  bool draining_ = false;
};

}  // namespace baton::router
