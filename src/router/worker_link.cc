#include "router/worker_link.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <span>
#include <utility>

#include "aio/net.h"
#include "core/hash.h"
#include "core/log.h"
#include "wire/convert.h"
#include "wire/convert_perf.h"
#include "wire/frame.h"
#include "wire/wire.pb.h"

namespace baton::router {

namespace asio = aio::asio;

namespace {

constexpr std::string_view kLog = "router.worker";
constexpr Duration kFirstPause = 50ms;
constexpr Duration kLongestPause = 5s;
constexpr std::size_t kMaxPrefills = 1U << 16;

schedule::WorkerInfo info_of(const wire::HelloReply& reply, const WorkerConfig& config) {
  schedule::WorkerInfo info;
  info.name = reply.name().empty() ? config.name : reply.name();
  info.role = *wire::from_wire(reply.role());
  info.incarnation = reply.incarnation();
  info.model_hash = reply.model_hash();
  info.host_id = reply.host_id();
  info.block_tokens = static_cast<std::int32_t>(reply.block_tokens());
  info.total_blocks = static_cast<std::int32_t>(reply.total_blocks());
  info.max_batch = static_cast<std::int32_t>(reply.max_batch());
  info.max_context = static_cast<std::int32_t>(reply.max_context());
  info.gpu_type = reply.gpu_type();
  // The router's own file wins where it says something: it can be changed without restarting workers.
  info.zone = config.zone.empty() ? reply.zone() : config.zone;
  info.rack = config.rack.empty() ? reply.rack() : config.rack;
  info.spot = config.spot || reply.spot();
  info.price_per_hour = config.price_per_hour > 0 ? config.price_per_hour : wire::price_from_wire(reply);
  info.replica = wire::replica_from_wire(reply);
  if (info.replica) info.replica->dollars_per_hour = info.price_per_hour;
  return info;
}

}  // namespace

WorkerLink::WorkerLink(WorkerLinkOptions options, WorkerLinkEvents events)
    : options_(std::move(options)), events_(std::move(events)) {}

asio::awaitable<void> WorkerLink::run() {
  Duration wait = kFirstPause;
  while (!stopped_) {
    const auto began = Clock::now();
    const auto ended = co_await serve_once();
    if (stopped_) break;
    log_warn(kLog, "worker not connected",
             {{"worker", options_.worker.name}, {"reason", ended ? "closed" : ended.error().message}});
    // A worker that was there starts the back-off anew. The jitter keeps shards and routers apart.
    if (std::exchange(was_connected_, false)) wait = kFirstPause;
    const auto jitter = mix64(static_cast<std::uint64_t>(began.time_since_epoch().count())) % 50;
    co_await pause(wait + wait * static_cast<Duration::rep>(jitter) / 100);
    wait = std::min(wait * 2, kLongestPause);
  }
}

aio::asio::awaitable<void> WorkerLink::pause(Duration length) {
  asio::steady_timer timer(co_await asio::this_coro::executor, length);
  end_pause_ = [&timer] { timer.cancel(); };
  auto [error] = co_await timer.async_wait(aio::kNoThrow);
  (void)error;
  end_pause_ = nullptr;
}

void WorkerLink::stop() {
  stopped_ = true;
  if (connection_) connection_->close();
  if (end_pause_) end_pause_();
}

void WorkerLink::send(const wire::Envelope& envelope) {
  if (connected_) connection_->send(wire::encode_frame(envelope));
}

void WorkerLink::send(const wire::SpecFrame& frame) {
  if (!connected_) return;
  if (frame.kind == wire::SpecKind::prefill) note_prefill(frame.attempt);
  connection_->send(wire::encode_head(frame), frame.spec);
}

void WorkerLink::note_prefill(AttemptId attempt) {
  // A cancelled attempt may have been handed over already, so it stays until the worker tells; should it never tell,
  // the bound makes room.
  if (prefills_.size() >= kMaxPrefills) prefills_.erase(prefills_.begin());
  prefills_.insert(attempt.value);
}

/// One connection from dialling to its end; the error says why it ended.
aio::Task<void> WorkerLink::serve_once() {
  const WorkerConfig& worker = options_.worker;
  auto socket = co_await aio::connect(worker.host, worker.port, options_.faults.connect_timeout);
  if (!socket) co_return std::unexpected(std::move(socket.error()));
  if (stopped_) co_return Result<void>{};
  const aio::FramedConnection::Options limits{.max_frame_bytes = wire::kMaxFrameBytes};
  connection_ = std::make_shared<aio::FramedConnection>(std::move(*socket), limits);
  if (auto greeted = co_await greet(); !greeted) co_return greeted;

  const auto connection = connection_;
  const auto executor = co_await asio::this_coro::executor;
  const auto ping_timer = std::make_shared<asio::steady_timer>(executor);
  asio::co_spawn(executor, ping(connection, ping_timer), asio::detached);
  connected_ = was_connected_ = true;
  log_info(kLog, "worker connected", {{"worker", worker.name}, {"peer", connection->peer()}});
  events_.event(schedule::WorkerUp{options_.id, info_});
  Error reason = co_await read_frames();
  connected_ = false;
  connection->close();
  ping_timer->cancel();
  prefills_.clear();
  events_.event(schedule::WorkerDown{options_.id});
  co_return std::unexpected(std::move(reason));
}

aio::Task<void> WorkerLink::greet() {
  const auto connection = connection_;
  wire::Envelope envelope;
  envelope.mutable_hello()->set_version_min(wire::kProtocolVersionMin);
  envelope.mutable_hello()->set_version_max(wire::kProtocolVersion);
  envelope.mutable_hello()->set_router_id(options_.router_id);
  envelope.mutable_hello()->set_token(options_.auth_token);
  connection->send(wire::encode_frame(envelope));

  asio::steady_timer timer(co_await asio::this_coro::executor, options_.faults.ping_timeout);
  timer.async_wait([connection](const boost::system::error_code& error) {
    if (!error) connection->close();
  });
  auto payload = co_await connection->read();
  timer.cancel();
  if (!payload) co_return fail(Errc::io, "no answer to hello: " + payload.error().message);
  auto answer = wire::parse_envelope(std::as_bytes(std::span(*payload)));
  if (!answer) co_return std::unexpected(std::move(answer.error()));
  if (answer->has_failed()) co_return std::unexpected(wire::error_from_wire(answer->failed()));
  if (!answer->has_hello_reply()) co_return fail(Errc::protocol, "the first frame of the worker is no hello");
  if (auto valid = wire::validate(answer->hello_reply()); !valid) co_return valid;
  info_ = info_of(answer->hello_reply(), options_.worker);
  last_heard_ = Clock::now();
  co_return Result<void>{};
}

/// Returns why the connection ended.
asio::awaitable<Error> WorkerLink::read_frames() {
  const auto connection = connection_;
  while (true) {
    auto payload = co_await connection->read();
    if (!payload) co_return payload.error();
    last_heard_ = Clock::now();
    auto envelope = wire::parse_envelope(std::as_bytes(std::span(*payload)));
    if (!envelope) co_return envelope.error();
    if (auto handled = on_frame(*envelope); !handled) co_return handled.error();
  }
}

/// A peer that stops answering (SIGSTOP, a dead network) sends no FIN: silence for ping_timeout cuts the connection.
/// Once the connection is closed and the timer cancelled it no longer touches the link, which may then be gone.
asio::awaitable<void> WorkerLink::ping(std::shared_ptr<aio::FramedConnection> connection,
                                       std::shared_ptr<asio::steady_timer> timer) {
  for (std::uint64_t nonce = 1; connection->is_open(); ++nonce) {
    wire::Envelope envelope;
    envelope.mutable_ping()->set_nonce(nonce);
    connection->send(wire::encode_frame(envelope));
    const auto wake = Clock::now() + options_.faults.ping_interval;
    timer->expires_at(wake);
    auto [error] = co_await timer->async_wait(aio::kNoThrow);
    if (error || !connection->is_open()) co_return;
    const auto now = Clock::now();
    const bool slept_over = now - wake > options_.faults.ping_interval;  // this process stood still, not the worker
    if (!slept_over && now - last_heard_ > options_.faults.ping_timeout) {
      log_warn(kLog, "worker does not answer", {{"worker", options_.worker.name}});
      connection->close();
    }
  }
}

Result<void> WorkerLink::on_frame(const wire::Envelope& envelope) {
  const WorkerId id = options_.id;
  switch (envelope.body_case()) {
    case wire::Envelope::kStep:
      return on_step(envelope.step());
    case wire::Envelope::kTicket: {
      if (auto valid = wire::validate(envelope.ticket()); !valid) return valid;
      events_.event(schedule::TicketIn{id, AttemptId{envelope.ticket().attempt()}, envelope.ticket().ticket()});
      return {};
    }
    case wire::Envelope::kPromptScores: {
      auto logprobs = wire::from_wire(envelope.prompt_scores());
      if (!logprobs) return std::unexpected(std::move(logprobs.error()));
      events_.event(schedule::PromptLogprobsIn{id, std::move(*logprobs)});
      return {};
    }
    case wire::Envelope::kPrefilled: {
      if (auto valid = wire::validate(envelope.prefilled()); !valid) return valid;
      const auto& done = envelope.prefilled();
      const auto cached = static_cast<std::int32_t>(done.cached_tokens());
      events_.event(schedule::PrefilledIn{id, AttemptId{done.attempt()}, cached});
      return {};
    }
    case wire::Envelope::kHanded: {
      const auto& handed = envelope.handed();
      if (prefills_.erase(handed.attempt()) != 0) events_.handed(handed.bytes(), handed.transport());
      const std::chrono::microseconds elapsed(static_cast<std::int64_t>(handed.micros() & INT64_MAX));
      events_.event(schedule::HandedIn{id, AttemptId{handed.attempt()}, handed.bytes(), elapsed});
      return {};
    }
    case wire::Envelope::kFailed: {
      const AttemptId attempt{envelope.failed().attempt()};
      prefills_.erase(attempt.value);
      events_.event(schedule::FailedIn{id, attempt, wire::error_from_wire(envelope.failed())});
      return {};
    }
    case wire::Envelope::kLoad:
      return on_load(envelope.load());
    case wire::Envelope::kLeaving:
      log_info(kLog, "worker is leaving", {{"worker", options_.worker.name}, {"reason", envelope.leaving().reason()}});
      events_.event(schedule::WorkerDraining{id});
      return {};
    case wire::Envelope::kPing: {
      wire::Envelope pong;
      pong.mutable_pong()->set_nonce(envelope.ping().nonce());
      send(pong);
      return {};
    }
    case wire::Envelope::kPong:
      return {};
    default:
      return fail(Errc::protocol, "a frame that only routers send");
  }
}

Result<void> WorkerLink::on_step(const wire::Step& step) {
  auto tokens = wire::from_wire(step);
  if (!tokens) return std::unexpected(std::move(tokens.error()));
  events_.event(schedule::TokensIn{options_.id, *tokens});
  return {};
}

Result<void> WorkerLink::on_load(const wire::Load& load) {
  if (auto valid = wire::validate(load); !valid) return valid;
  events_.load(load);
  schedule::WorkerLoad report;
  report.free_blocks = static_cast<std::int32_t>(load.free_blocks());
  report.running = static_cast<std::int32_t>(load.running());
  report.waiting = static_cast<std::int32_t>(load.waiting());
  report.waiting_prefill_tokens = load.waiting_prefill_tokens();
  report.samples = wire::samples_from_wire(load);
  const wire::CacheDelta& cache = load.cache();
  report.cache = {.added = {cache.added().begin(), cache.added().end()},
                  .removed = {cache.removed().begin(), cache.removed().end()},
                  .reset = cache.reset()};
  events_.event(schedule::LoadReport{options_.id, report});
  return {};
}

}  // namespace baton::router
