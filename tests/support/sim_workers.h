#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/hash.h"
#include "schedule/coordinator.h"

/// A cluster in simulated time around a real Coordinator: workers that prefill, hand over, decode, refuse, fail, die and
/// come back, behind connections that delay. The tokens are a function of the prompt alone, so that what reaches a
/// client can be compared with what an undisturbed run would have given.
namespace baton::testing {

using namespace schedule;

struct SimOptions {
  std::uint64_t seed = 1;
  int prefill = 2, decode = 3, both = 0;
  int requests = 500;
  std::chrono::microseconds arrival_gap{20'000};  ///< mean
  std::int32_t worker_blocks = 200;
  double fail_chance = 0.0;     ///< of each attempt, once on each worker
  double refuse_chance = 0.0;   ///< of a reservation or generation although there is room
  double repeat_chance = 0.0;   ///< of a token frame
  double mute_chance = 0.0;     ///< of a reservation not answered, or a hand-over not ended
  double abandon_chance = 0.0;  ///< of a request
  std::chrono::milliseconds mean_life{0};  ///< of a worker until it dies; 0: for ever
  std::chrono::milliseconds request_timeout{120'000};
  CoordinatorOptions coordinator;
};

struct SimReport {
  std::uint64_t events = 0;
  int finished = 0, failed = 0, abandoned = 0;
  std::map<Errc, int> errors;
  std::vector<std::string> violations;  ///< of what the Coordinator promises; empty if all is well
  CoordinatorStats stats;
  TimePoint end;
};

/// The `index`-th output token of a prompt, and whether it is the last.
struct ModelToken {
  TokenId token = 0;
  FinishReason finish = FinishReason::none;
};
inline ModelToken model_token(const GenerationSpec& spec, std::int32_t index) {
  std::uint64_t h = spec.sampling.seed;
  for (std::int32_t i = 0; i < spec.prompt_tokens(); ++i) {
    h = hash_combine(h, static_cast<std::uint64_t>(spec.tokens[static_cast<std::size_t>(i)]));
  }
  h = hash_combine(h, static_cast<std::uint64_t>(index));
  ModelToken out{static_cast<TokenId>(h % 50'000)};
  if (h % 37 == 5) out.finish = FinishReason::stop;
  if (index + 1 >= spec.sampling.max_tokens && out.finish == FinishReason::none) out.finish = FinishReason::length;
  return out;
}

class SimCluster {
 public:
  explicit SimCluster(SimOptions options) : o_(std::move(options)), rng_(o_.seed), coordinator_(o_.coordinator) {}
  SimReport run();

 private:
  enum class Part : std::uint8_t { whole, prefill, decode };
  struct Held {
    Part part = Part::whole;
    std::shared_ptr<const GenerationSpec> spec;
    std::int32_t blocks = 0;
    std::int32_t next = 0;
    bool granted = false, prefilled = false;
  };
  struct Worker {
    WorkerId id;
    WorkerInfo info;
    bool alive = false;
    bool draining = false;
    std::map<std::uint64_t, Held> held;
    TimePoint inbox{}, outbox{};  ///< connections keep order
  };
  struct Client {
    std::shared_ptr<const GenerationSpec> spec;
    std::int32_t next = 0;
    bool last_delivered = false, ended = false;
  };
  struct Scheduled {
    TimePoint at;
    std::uint64_t order;
    std::function<void()> run;
    bool operator>(const Scheduled& other) const { return std::tie(at, order) > std::tie(other.at, other.order); }
  };

  bool chance(double p) { return std::uniform_real_distribution<>(0, 1)(rng_) < p; }
  Duration around(Duration mean) {
    const double seconds = std::chrono::duration<double>(mean).count();
    return std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(std::exponential_distribution<>(1 / seconds)(rng_)));
  }
  void at(TimePoint when, std::function<void()> run) { later_.push({when, order_++, std::move(run)}); }
  void violation(std::string what) {
    if (report_.violations.size() < 20) report_.violations.push_back(std::move(what));
  }

  // Clients.
  void arrive(int number);
  void end(RequestId request, const char* how);
  // What the Coordinator commands.
  void feed(const Event& event);
  void obey(const SendGenerate& c) { start(c, Part::whole); }
  void obey(const SendPrefill& c) { start(c, Part::prefill); }
  void obey(const SendReserve& c) { start(c, Part::decode); }
  void obey(const SendGrant& c);
  void obey(const SendCancel& c);
  void obey(const Deliver& c);
  void obey(const DeliverPrompt& c);
  void obey(const Finish& c);
  void obey(const Fail& c);
  void obey(const Explained&) {}
  template <class Start>
  void start(const Start& c, Part part);
  // Connections and workers. An action is dropped if the worker's incarnation has changed meanwhile.
  void to_worker(WorkerId id, std::function<void(Worker&)> action);
  void in_worker(Worker& w, Duration delay, std::function<void(Worker&)> action);
  void to_router(Worker& w, std::function<void()> send);
  void accept(Worker& w, AttemptId attempt, Held held);
  void prefill_done(Worker& w, AttemptId attempt);
  void hand_over(Worker& w, AttemptId attempt);
  void decode(Worker& w, AttemptId attempt);
  void emit(Worker& w, AttemptId attempt, std::int32_t index);
  void fail_attempt(Worker& w, AttemptId attempt, Errc code);
  void report_load(Worker& w);
  std::int32_t used(const Worker& w) const;
  void come_up(Worker& w);
  void die(Worker& w);
  Worker& worker(WorkerId id) { return workers_[id.value]; }
  void check_quiet();

  SimOptions o_;
  std::mt19937_64 rng_;
  Coordinator coordinator_;
  TimePoint now_{std::chrono::hours(1)};
  std::uint64_t order_ = 0;
  std::priority_queue<Scheduled, std::vector<Scheduled>, std::greater<>> later_;
  std::vector<Worker> workers_;
  std::unordered_map<std::uint64_t, Client> clients_;
  std::unordered_map<std::uint64_t, WorkerId> decoder_of_;  ///< attempt → D
  std::set<std::uint64_t> split_halves_;
  std::uint64_t last_attempt_ = 0;
  int open_clients_ = 0, arrived_ = 0;
  bool closing_ = false;
  SimReport report_;
};

}  // namespace baton::testing
