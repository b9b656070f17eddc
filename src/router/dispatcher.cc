#include "router/dispatcher.h"

#include <algorithm>
#include <random>
#include <utility>

#include "core/check.h"
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

schedule::CoordinatorOptions coordinator_options(const Config& config, std::size_t shard) {
  schedule::CoordinatorOptions options;
  options.scheduling = config.scheduling;
  options.faults = config.fault_tolerance;
  // Shards split the limits; each keeps at least one place.
  const std::int32_t shards = std::max(1, config.threads);
  options.queue_requests = std::max(1, config.limits.queue_requests / shards);
  options.running_requests = std::max(1, config.limits.running_requests / shards);
  options.queue_timeout = config.limits.queue_timeout;
  options.seed = shard + 1;
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

bool same_address(const WorkerConfig& a, const WorkerConfig& b) { return a.host == b.host && a.port == b.port; }

}  // namespace

Dispatcher::Dispatcher(asio::any_io_executor executor, const Config& config, std::size_t shard, RouterMetrics& metrics)
    : x_executor(executor),
      x_faults(config.fault_tolerance),
      x_auth_token(config.auth_token),
      x_shard(std::to_string(shard)),
      x_router_id(random_id()),
      x_metrics(metrics),
      x_coordinator(coordinator_options(config, shard)),
      x_timer(executor),
      x_tasks(executor) {}

Dispatcher::~Dispatcher() = default;

void Dispatcher::set_workers(const std::vector<WorkerConfig>& workers) {
  for (auto it = x_links.begin(); it != x_links.end();) {
    const auto kept = std::ranges::any_of(workers, [&](const WorkerConfig& w) {
      return same_address(w, it->second->config());
    });
    if (kept) {
      ++it;
    } else {
      // Its coroutine still runs for a moment and reports WorkerDown, so the object stays.
      it->second->stop();
      x_retired.push_back(std::move(it->second));
      it = x_links.erase(it);
    }
  }
  for (const WorkerConfig& worker : workers) {
    const bool known = std::ranges::any_of(x_links, [&](const auto& entry) {
      return same_address(worker, entry.second->config());
    });
    if (!known) add_worker(worker);
  }
}

void Dispatcher::add_worker(const WorkerConfig& worker) {
  const WorkerId id{++x_last_worker};
  auto slot = std::make_shared<WorkerLink*>(nullptr);  // the events need the link, the link the events
  WorkerLinkEvents events{
      .event = [this, slot](const schedule::Event& event) { on_worker_event(**slot, event); },
      .load = [this, slot](const wire::Load& load) { on_load(**slot, load); },
      .handed =
          [this](std::uint64_t bytes, const std::string& transport) {
            x_metrics.kv_transfer_bytes.with({transport}).add(bytes);
            x_metrics.kv_transfers.with({transport}).add();
          },
  };
  WorkerLinkOptions options{id, worker, x_faults, x_auth_token, x_router_id};
  auto link = std::make_unique<WorkerLink>(std::move(options), std::move(events));
  *slot = link.get();
  x_tasks.spawn(link->run());
  x_metrics.worker(worker.name).clear();
  x_links.emplace(id, std::move(link));
}

void Dispatcher::on_worker_event(WorkerLink& link, const schedule::Event& event) {
  const bool up = std::holds_alternative<schedule::WorkerUp>(event);
  const bool down = std::holds_alternative<schedule::WorkerDown>(event);
  if (up || down) {
    auto gauges = x_metrics.worker(link.config().name);
    gauges.clear();
    gauges.up.set(up ? 1 : 0);
    gauges.total_blocks.set(up ? link.info().total_blocks : 0);
    publish_gauges();
  }
  if (up) recompute_max_context();
  feed(event);
}

/// Workers that are away for a moment count too, so that the limit does not jump about.
void Dispatcher::recompute_max_context() {
  std::int32_t least = 0;
  for (const auto& [id, link] : x_links) {
    const std::int32_t context = link->info().max_context;
    if (context > 0 && (least == 0 || context < least)) least = context;
  }
  x_max_context = least;
}

void Dispatcher::on_load(const WorkerLink& link, const wire::Load& load) {
  const auto gauges = x_metrics.worker(link.config().name);
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

RequestId Dispatcher::submit(std::shared_ptr<const GenerationSpec> spec, TimePoint deadline, GenerationSink& sink,
                             std::size_t choice) {
  const RequestId request{++x_last_request};
  x_active.emplace(request, Target{&sink, choice});
  feed(schedule::Arrive{request, std::move(spec), deadline});
  return request;
}

void Dispatcher::abandon(RequestId request) {
  if (x_active.erase(request) != 0) feed(schedule::Abandon{request});
}

void Dispatcher::start_drain() {
  x_draining = true;
  feed(schedule::StartDrain{});
}

asio::awaitable<void> Dispatcher::stop() {
  x_timer.cancel();
  x_armed_for = TimePoint::min();  // arms nothing from now on
  for (auto& [id, link] : x_links) link->stop();
  co_await x_tasks.join();
}

/// Events that arise while commands are executed (a stop string found) wait for their turn.
void Dispatcher::feed(schedule::Event event) {
  BATON_CHECK(!x_busy || !std::holds_alternative<schedule::TokensIn>(event));  // its span would dangle in the queue
  x_events.push_back(std::move(event));
  if (x_busy) return;
  x_busy = true;
  while (!x_events.empty()) {
    const schedule::Event next = std::move(x_events.front());
    x_events.pop_front();
    for (const schedule::Command& command : x_coordinator.handle(next, Clock::now())) execute(command);
  }
  x_busy = false;
  arm_timer();
}

void Dispatcher::arm_timer() {
  const TimePoint next = x_coordinator.next_deadline();
  if (next >= x_armed_for) return;  // the armed timer fires first and looks again
  x_armed_for = next;
  x_timer.expires_at(next);
  x_timer.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    x_armed_for = kNever;
    feed(schedule::Tick{});
  });
}

void Dispatcher::execute(const schedule::Command& command) {
  const auto end = [this](RequestId request, auto call) {
    const auto found = x_active.extract(request);
    if (!found.empty()) call(found.mapped());
  };
  std::visit(Overload{[this](const schedule::Deliver& deliver) {
                        const auto found = x_active.find(deliver.request);
                        if (found == x_active.end()) return;
                        const Target target = found->second;
                        target.sink->on_token(target.choice, deliver.token);
                      },
                      [&](const schedule::Finish& finish) {
                        end(finish.request, [&](const Target& t) { t.sink->on_finish(t.choice, finish); });
                      },
                      [&](const schedule::Fail& failed) {
                        end(failed.request, [&](const Target& t) { t.sink->on_fail(t.choice, failed.error); });
                      },
                      [this](const auto& send) { execute_send(send); }},
             command);
}

void Dispatcher::execute_send(const schedule::SendGenerate& command) {
  wire::Envelope envelope;
  auto& generate = *envelope.mutable_generate();
  generate.set_attempt(command.attempt.value);
  *generate.mutable_spec() = wire::to_wire(*command.spec);
  generate.set_timeout_ms(wire::timeout_ms(command.deadline, Clock::now()));
  send_to(command.worker, envelope);
}

void Dispatcher::execute_send(const schedule::SendPrefill& command) {
  wire::Envelope envelope;
  auto& prefill = *envelope.mutable_prefill();
  prefill.set_attempt(command.attempt.value);
  *prefill.mutable_spec() = wire::to_wire(*command.spec);
  prefill.set_timeout_ms(wire::timeout_ms(command.deadline, Clock::now()));
  send_to(command.worker, envelope);
}

void Dispatcher::execute_send(const schedule::SendReserve& command) {
  wire::Envelope envelope;
  auto& reserve = *envelope.mutable_reserve();
  reserve.set_attempt(command.attempt.value);
  *reserve.mutable_spec() = wire::to_wire(*command.spec);
  reserve.set_timeout_ms(wire::timeout_ms(command.deadline, Clock::now()));
  send_to(command.worker, envelope);
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

void Dispatcher::send_to(WorkerId worker, const wire::Envelope& envelope) {
  const auto found = x_links.find(worker);
  if (found != x_links.end()) found->second->send(envelope);
}

std::vector<std::string> Dispatcher::not_ready() const {
  std::vector<std::string> reasons;
  if (x_draining) reasons.emplace_back("the router is draining");
  if (x_coordinator.ready()) return reasons;
  const auto& stats = x_coordinator.stats();
  if (stats.prefill_workers == 0) reasons.emplace_back("no prefill worker is connected");
  if (stats.decode_workers == 0) reasons.emplace_back("no decode worker is connected");
  if (reasons.empty()) reasons.emplace_back("no prefill and decode worker of one model are connected");
  return reasons;
}

void Dispatcher::publish_gauges() {
  const schedule::CoordinatorStats& now = x_coordinator.stats();
  x_metrics.queued.with({x_shard}).set(now.queued);
  x_metrics.running.with({x_shard}).set(now.running);
  x_metrics.retries.add(now.retries - x_published.retries);
  x_metrics.replays.add(now.replays - x_published.replays);
  x_metrics.placements.with({"split"}).add(now.split - x_published.split);
  x_metrics.placements.with({"local"}).add(now.local - x_published.local);
  x_published = now;
  if (x_shard != "0") return;  // every shard has the same workers
  for (const Role role : {Role::prefill, Role::decode, Role::both}) {
    const auto count = std::ranges::count_if(x_links, [role](const auto& entry) {
      return entry.second->connected() && entry.second->info().role == role;
    });
    x_metrics.workers_up.with({role_name(role)}).set(static_cast<double>(count));
  }
}

}  // namespace baton::router
