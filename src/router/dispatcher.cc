#include "router/dispatcher.h"

#include <algorithm>
#include <random>
#include <utility>

#include "classify/classifier.h"
#include "core/check.h"
#include "core/log.h"
#include "wire/convert.h"
#include "wire/frame.h"
#include "wire/wire.pb.h"

namespace baton::router {

namespace asio = aio::asio;

namespace {

template <class... F>
struct Overload : F... {
  using F::operator()...;
};

/// Shards split the limits; each keeps at least one place, unless there is to be none.
std::int32_t share(std::int32_t limit, std::int32_t shards) {
  return limit == 0 ? 0 : std::max(1, limit / std::max(1, shards));
}

schedule::CoordinatorOptions coordinator_options(const Config& config, std::size_t shard) {
  schedule::CoordinatorOptions options;
  options.scheduling = config.scheduling;
  options.faults = config.fault_tolerance;
  options.queue_requests = share(config.limits.queue_requests, config.threads);
  options.running_requests = share(config.limits.running_requests, config.threads);
  options.queue_timeout = config.limits.queue_timeout;
  options.seed = shard + 1;
  options.classes = classify::effective_classes(config);
  return options;
}

std::string random_id() {
  std::random_device device;
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes += std::to_string(device()) + "-";
  return bytes;
}

std::string_view role_name(Role role) {
  return role == Role::prefill ? "prefill" : role == Role::decode ? "decode" : "both";
}

bool same_address(const WorkerConfig& a, const WorkerConfig& b) {
  return a.host == b.host && a.port == b.port;
}

}  // namespace

SpecDigest digest_of(const GenerationSpec& spec, std::int32_t block_tokens) {
  return {std::make_shared<const std::string>(wire::encode_spec(spec)), schedule::prefix_hashes(spec, block_tokens)};
}

Dispatcher::Dispatcher(asio::any_io_executor executor, const Config& config, std::size_t shard, RouterMetrics& metrics,
                       ShardBoard& board)
    : executor_(executor),
      faults_(config.fault_tolerance),
      auth_token_(config.auth_token),
      shard_index_(shard),
      shard_(std::to_string(shard)),
      queue_limit_(static_cast<std::size_t>(coordinator_options(config, shard).queue_requests)),
      router_id_(random_id()),
      metrics_(metrics),
      board_(board),
      coordinator_(coordinator_options(config, shard)),
      timer_(executor),
      tasks_(executor) {}

Dispatcher::~Dispatcher() = default;

Result<void> Dispatcher::record(const Config& config) {
  if (config.event_log.empty()) return {};
  const std::string path = shard_index_ == 0 ? config.event_log : config.event_log + "." + shard_;
  auto recording = Recording::open(path, coordinator_options(config, shard_index_));
  if (!recording) return std::unexpected(std::move(recording.error()));
  recording_ = std::move(*recording);
  return {};
}

void Dispatcher::set_workers(const std::vector<WorkerConfig>& workers) {
  for (auto it = links_.begin(); it != links_.end();) {
    const auto kept =
        std::ranges::any_of(workers, [&](const WorkerConfig& w) { return same_address(w, it->second->config()); });
    if (kept) {
      ++it;
    } else {
      // Its coroutine still runs for a moment and reports WorkerDown, so the object stays.
      it->second->stop();
      retired_.push_back(std::move(it->second));
      it = links_.erase(it);
    }
  }
  for (const WorkerConfig& worker : workers) {
    const bool known =
        std::ranges::any_of(links_, [&](const auto& entry) { return same_address(worker, entry.second->config()); });
    if (!known) add_worker(worker);
  }
  report_readiness();
}

void Dispatcher::add_worker(const WorkerConfig& worker) {
  const WorkerId id{++last_worker_};
  auto slot = std::make_shared<WorkerLink*>(nullptr);  // the events need the link, the link the events
  WorkerLinkEvents events{
      .event = [this, slot](const schedule::Event& event) { on_worker_event(**slot, event); },
      .load = [this, slot](const wire::Load& load) { on_load(**slot, load); },
      .handed =
          [this](std::uint64_t bytes, const std::string& transport) {
            metrics_.kv_transfer_bytes.with({transport}).add(bytes);
            metrics_.kv_transfers.with({transport}).add();
          },
  };
  WorkerLinkOptions options{id, worker, faults_, auth_token_, router_id_};
  auto link = std::make_unique<WorkerLink>(std::move(options), std::move(events));
  *slot = link.get();
  tasks_.spawn(link->run());
  metrics_.worker(worker.name).clear();
  links_.emplace(id, std::move(link));
}

void Dispatcher::on_worker_event(WorkerLink& link, const schedule::Event& event) {
  const bool up = std::holds_alternative<schedule::WorkerUp>(event);
  const bool down = std::holds_alternative<schedule::WorkerDown>(event);
  if (up || down) {
    auto gauges = metrics_.worker(link.config().name);
    gauges.clear();
    gauges.up.set(up ? 1 : 0);
    gauges.total_blocks.set(up ? link.info().total_blocks : 0);
    publish_gauges();
  }
  if (up) recompute_max_context();
  feed(event);
  if (up || down || std::holds_alternative<schedule::WorkerDraining>(event)) report_readiness();
}

/// Workers that are away for a moment count too, so that the limit does not jump about.
void Dispatcher::recompute_max_context() {
  std::int32_t least = 0;
  for (const auto& [id, link] : links_) {
    const std::int32_t context = link->info().max_context;
    if (context > 0 && (least == 0 || context < least)) least = context;
  }
  max_context_ = least;
}

void Dispatcher::on_load(const WorkerLink& link, const wire::Load& load) {
  const auto gauges = metrics_.worker(link.config().name);
  gauges.free_blocks.set(load.free_blocks());
  gauges.cached_blocks.set(load.cached_blocks());
  gauges.draining_blocks.set(load.draining_blocks());
  gauges.reserved_blocks.set(load.reserved());
  gauges.running.set(load.running());
  gauges.waiting.set(load.waiting());
  gauges.kv_bytes_sent.set(static_cast<double>(load.kv_bytes_sent()));
  gauges.kv_bytes_received.set(static_cast<double>(load.kv_bytes_received()));
  gauges.prefill_tokens.set(static_cast<double>(load.prefill_tokens()));
  gauges.decode_tokens.set(static_cast<double>(load.decode_tokens()));
  gauges.prefix_hit_tokens.set(static_cast<double>(load.prefix_hit_tokens()));
  gauges.preemptions.set(static_cast<double>(load.preemptions()));
}

RequestId Dispatcher::submit(Submission submission, GenerationSink& sink, std::size_t choice) {
  const RequestId request{++last_request_};
  active_.emplace(request, Target{&sink, choice, submission.spec});
  SpecDigest digest = submission.digest ? std::move(*submission.digest) : SpecDigest{};
  if (digest.bytes) digested_.emplace(submission.spec.get(), std::move(digest.bytes));
  feed(schedule::Arrive{.request = request,
                        .spec = std::move(submission.spec),
                        .deadline = submission.deadline,
                        .features = std::move(submission.features),
                        .prefix_hashes = std::move(digest.prefix_hashes),
                        .explain = submission.explain});
  return request;
}

void Dispatcher::abandon(RequestId request, Why why) {
  if (forget(request)) feed(schedule::Abandon{request, why == Why::complete});
}

std::optional<Error> Dispatcher::refusal() const {
  if (draining_) return advised({Errc::draining, "The router is shutting down."});
  // Without a queue only the Coordinator knows whether the request would have to wait.
  const bool has_room = queue_limit_ == 0 || static_cast<std::size_t>(coordinator_.stats().queued) < queue_limit_;
  if (has_room) return std::nullopt;
  return advised({Errc::queue_full, "The queue is full; try again later."});
}

void Dispatcher::announce_drain() {
  drain_announced_ = true;
  report_readiness();
}

void Dispatcher::start_drain() {
  draining_ = drain_announced_ = true;
  report_readiness();
  feed(schedule::StartDrain{});
}

void Dispatcher::fail_all(const Error& error) {
  std::vector<RequestId> requests;
  for (const auto& [request, target] : active_) requests.push_back(request);
  for (const RequestId request : requests) {
    end(request, [&](const Target& target) { target.sink->on_fail(target.choice, error); });
    feed(schedule::Abandon{request});
  }
}

asio::awaitable<void> Dispatcher::stop() {
  timer_.cancel();
  armed_for_ = TimePoint::min();  // arms nothing from now on
  for (auto& [id, link] : links_) link->stop();
  co_await tasks_.join();
}

/// Events that arise while commands are executed (a stop string found) wait for their turn.
void Dispatcher::feed(schedule::Event event) {
  BATON_CHECK(!busy_ || !std::holds_alternative<schedule::TokensIn>(event));  // its span would dangle in the queue
  events_.push_back(std::move(event));
  if (busy_) return;
  busy_ = true;
  while (!events_.empty()) {
    const schedule::Event next = std::move(events_.front());
    events_.pop_front();
    const TimePoint now = Clock::now();
    const auto commands = coordinator_.handle(next, now);
    if (recording_) recording_->write(next, now, commands);
    for (const schedule::Command& command : commands) execute(command);
  }
  busy_ = false;
  encoded_ = {};
  arm_timer();
}

void Dispatcher::arm_timer() {
  const TimePoint next = coordinator_.next_deadline();
  if (next >= armed_for_) return;  // the armed timer fires first and looks again
  armed_for_ = next;
  timer_.expires_at(next);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    armed_for_ = kNever;
    feed(schedule::Tick{});
  });
}

void Dispatcher::execute(const schedule::Command& command) {
  std::visit(Overload{[this](const schedule::Deliver& deliver) {
                        const auto found = active_.find(deliver.request);
                        if (found == active_.end()) return;
                        const Target target = found->second;
                        target.sink->on_token(target.choice, deliver.token);
                      },
                      [this](const schedule::DeliverPrompt& deliver) {
                        const auto found = active_.find(deliver.request);
                        if (found == active_.end()) return;
                        const Target target = found->second;
                        target.sink->on_prompt_logprobs(target.choice, deliver.logprobs);
                      },
                      [&](const schedule::Finish& finish) {
                        service_rate_.on_end(Clock::now());
                        end(finish.request, [&](const Target& t) { t.sink->on_finish(t.choice, finish); });
                      },
                      [&](const schedule::Fail& failed) {
                        const Error error = advised(failed.error);
                        end(failed.request, [&](const Target& t) { t.sink->on_fail(t.choice, error); });
                      },
                      [this](const schedule::Explained& explained) {
                        const auto found = active_.find(explained.request);
                        if (found == active_.end()) return;
                        const Target target = found->second;
                        log_debug("router", "placed", {{"why", schedule::to_json(*explained.why)}});
                        target.sink->on_explained(target.choice, explained.why);
                      },
                      [this](const auto& send) { execute_send(send); }},
             command);
}

void Dispatcher::end(RequestId request, const std::function<void(const Target&)>& tell) {
  if (const auto target = forget(request)) tell(*target);
}

std::optional<Dispatcher::Target> Dispatcher::forget(RequestId request) {
  const auto found = active_.extract(request);
  if (found.empty()) return std::nullopt;
  digested_.erase(found.mapped().spec.get());
  return std::move(found.mapped());
}

/// The same error with the time after which trying again makes sense: until the queue has moved on.
Error Dispatcher::advised(const Error& error) const {
  Error told = error;
  if (told.retry_after_s == 0 && told.code == Errc::queue_full) {
    told.retry_after_s = service_rate_.seconds_to_serve(coordinator_.stats().queued, Clock::now());
  }
  return told;
}

/// A prompt's own spec may have come with its bytes; that of a replay has not.
std::shared_ptr<const std::string> Dispatcher::bytes_of(const std::shared_ptr<const GenerationSpec>& spec) {
  if (const auto found = digested_.find(spec.get()); found != digested_.end()) return found->second;
  if (encoded_.spec != spec) encoded_ = {spec, std::make_shared<const std::string>(wire::encode_spec(*spec))};
  return encoded_.bytes;
}

template <class Command>
void Dispatcher::send_spec(wire::SpecKind kind, const Command& command) {
  const std::uint32_t timeout_ms = wire::timeout_ms(command.deadline, Clock::now());
  wire::SpecFrame frame{kind, command.attempt, timeout_ms, 0, bytes_of(command.spec)};
  if constexpr (requires { command.itl_slo_ms; }) frame.itl_slo_ms = command.itl_slo_ms;
  send_to(command.worker, frame);
}

void Dispatcher::execute_send(const schedule::SendGenerate& command) {
  send_spec(wire::SpecKind::generate, command);
}

void Dispatcher::execute_send(const schedule::SendPrefill& command) {
  send_spec(wire::SpecKind::prefill, command);
}

void Dispatcher::execute_send(const schedule::SendReserve& command) {
  send_spec(wire::SpecKind::reserve, command);
}

void Dispatcher::execute_send(const schedule::SendGrant& command) {
  wire::Envelope envelope;
  envelope.mutable_grant()->set_attempt(command.attempt.value);
  envelope.mutable_grant()->set_ticket(command.ticket);
  send_to(command.worker, envelope);
}

void Dispatcher::execute_send(const schedule::SendCancel& command) {
  wire::Envelope envelope;
  envelope.mutable_cancel()->set_attempt(command.attempt.value);
  send_to(command.worker, envelope);
}

template <class Frame>
void Dispatcher::send_to(WorkerId worker, const Frame& frame) {
  const auto found = links_.find(worker);
  if (found != links_.end()) found->second->send(frame);
}

void Dispatcher::report_readiness() {
  std::vector<std::string> reasons;
  const auto& stats = coordinator_.stats();
  if (!coordinator_.ready()) {
    if (stats.prefill_workers == 0) reasons.emplace_back("no prefill worker is connected");
    if (stats.decode_workers == 0) reasons.emplace_back("no decode worker is connected");
    if (reasons.empty()) reasons.emplace_back("no prefill and decode worker of one model are connected");
  }
  if (drain_announced_) reasons.emplace_back("the router is draining");
  board_.set_not_ready(shard_index_, std::move(reasons));
}

void Dispatcher::publish_demand(const schedule::CoordinatorStats& now) {
  metrics_.golden_ratio.with({shard_}).set(now.golden_ratio);
  metrics_.pool_load.with({shard_, "prefill"}).set(now.prefill_load);
  metrics_.pool_load.with({shard_, "decode"}).set(now.decode_load);
  metrics_.pool_work_s.with({shard_, "prefill"}).set(now.prefill_work_s);
  metrics_.pool_work_s.with({shard_, "decode"}).set(now.decode_work_s);
  const auto forecast = [this](std::string_view figure, double value) {
    metrics_.length_forecast.with({shard_, figure}).set(value);
  };
  forecast("observed", static_cast<double>(now.lengths.observed));
  forecast("mean_absolute_error", now.lengths.mean_absolute_error);
  forecast("mean_actual", now.lengths.mean_actual);
  forecast("mean_predicted", now.lengths.mean_predicted);
  forecast("p50_coverage", now.lengths.p50_coverage);
  forecast("p90_coverage", now.lengths.p90_coverage);
}

void Dispatcher::publish_gauges() {
  const schedule::CoordinatorStats& now = coordinator_.stats();
  metrics_.queued.with({shard_}).set(now.queued);
  metrics_.running.with({shard_}).set(now.running);
  metrics_.retries.add(now.retries - published_.retries);
  metrics_.replays.add(now.replays - published_.replays);
  metrics_.placements.with({"split"}).add(now.split - published_.split);
  metrics_.placements.with({"local"}).add(now.local - published_.local);
  metrics_.shed.add(now.shed - published_.shed);
  metrics_.fallbacks.add(now.fallbacks - published_.fallbacks);
  metrics_.flips.add(now.flips - published_.flips);
  publish_demand(now);
  published_ = now;
  if (shard_ != "0") return;  // every shard has the same workers
  for (const Role role : {Role::prefill, Role::decode, Role::both}) {
    const auto count = std::ranges::count_if(
        links_, [role](const auto& entry) { return entry.second->connected() && entry.second->info().role == role; });
    metrics_.workers_up.with({role_name(role)}).set(static_cast<double>(count));
  }
}

}  // namespace baton::router
