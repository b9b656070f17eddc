#include "worker/control.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <span>
#include <utility>

#include "aio/bounded_queue.h"
#include "aio/framed_connection.h"
#include "aio/net.h"
#include "aio/task_group.h"
#include "core/log.h"
#include "wire/convert.h"
#include "wire/convert_perf.h"
#include "wire/frame.h"
#include "wire/wire.pb.h"

namespace baton::worker {
namespace {

using aio::asio::awaitable;

constexpr std::string_view kLog = "worker.control";

struct OutFrame {
  ConnectionId connection;
  std::string bytes;
};

/// Compares in time that does not depend on where the strings differ.
bool equal_secret(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const auto left = static_cast<unsigned char>(a.empty() ? 0 : a[i % a.size()]);
    difference |= static_cast<unsigned>(left ^ static_cast<unsigned char>(b[i]));
  }
  return difference == 0;
}

class ControlImpl final : public Control {
 public:
  ControlImpl(ControlOptions options, Identity identity, aio::asio::io_context& io, aio::tcp::acceptor acceptor)
      : options_(std::move(options)),
        identity_(std::move(identity)),
        io_(io),
        acceptor_(std::move(acceptor)),
        frames_(options_.queue_frames, [this] { aio::asio::post(io_, [this] { deliver(); }); }),
        tasks_(io.get_executor()) {}

  FrameSink sink() override {
    return [this](ConnectionId connection, std::string bytes) { frames_.push_always({connection, std::move(bytes)}); };
  }

  void start(EngineLoop& loop) override {
    loop_ = &loop;
    tasks_.spawn(accept_loop());
  }

  std::uint16_t port() const override {
    boost::system::error_code error;
    return acceptor_.local_endpoint(error).port();
  }

  std::size_t connections() const override { return connections_.size(); }

  void announce_leaving(std::string reason) override {
    wire::Envelope envelope;
    envelope.mutable_leaving()->set_reason(std::move(reason));
    const auto bytes = wire::encode_frame(envelope);
    for (auto& [id, connection] : connections_) connection->send(bytes);
  }

  void stop() override {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    for (auto& [id, connection] : connections_) connection->close();
    tasks_.cancel();
  }

 private:
  awaitable<void> accept_loop() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(aio::kNoThrow);
      if (!acceptor_.is_open()) co_return;
      if (error) {
        // Out of descriptors and the like: try again after a breath instead of spinning.
        log_warn(kLog, "accept failed", {{"error", error.message()}});
        co_await aio::sleep_until(Clock::now() + 100ms);
        continue;
      }
      if (tasks_.size() > options_.max_connections) {
        log_warn(kLog, "too many connections, refusing one", {{"limit", options_.max_connections}});
        continue;
      }
      tasks_.spawn(serve(std::move(socket)));
    }
  }

  awaitable<void> serve(aio::tcp::socket socket) {
    const ConnectionId id{++last_connection_};
    aio::FramedConnection::Options limits{.max_frame_bytes = wire::kMaxFrameBytes};
    const auto connection = std::make_shared<aio::FramedConnection>(std::move(socket), limits);
    const auto peer = connection->peer();
    const auto greeted = co_await greet(*connection);
    if (!greeted) {
      log_warn(kLog, "router refused", {{"peer", peer}, {"reason", greeted.error().message}});
      co_return;
    }
    log_info(kLog, "router connected", {{"peer", peer}, {"connection", id.value}});
    connections_[id] = connection;
    loop_->submit_always(ConnectionOpened{id});
    auto ended = co_await read_frames(id, *connection);
    connections_.erase(id);
    loop_->submit_always(ConnectionClosed{id});
    log_info(kLog, "router gone", {{"peer", peer}, {"connection", id.value}, {"reason", ended.message}});
  }

  /// Reads and answers Hello; whoever is silent for too long is cut off.
  aio::Task<void> greet(aio::FramedConnection& connection) {
    aio::asio::steady_timer timer(io_, options_.hello_timeout);
    timer.async_wait([&connection](const boost::system::error_code& error) {
      if (!error) connection.close();
    });
    auto payload = co_await connection.read();
    timer.cancel();
    if (!payload) co_return std::unexpected(payload.error());
    if (payload->size() > wire::kMaxHelloBytes) co_return fail(Errc::protocol, "oversized hello");
    auto envelope = wire::parse_envelope(std::as_bytes(std::span(*payload)));
    if (!envelope) co_return std::unexpected(envelope.error());
    if (!envelope->has_hello()) co_return fail(Errc::protocol, "first frame is no hello");
    const auto& hello = envelope->hello();
    auto version = wire::negotiate_version(hello.version_min(), hello.version_max());
    if (!version) {
      refuse(connection, version.error());
      co_return std::unexpected(version.error());
    }
    if (!options_.auth_token.empty() && !equal_secret(hello.token(), options_.auth_token)) {
      const Error error{Errc::unauthorized, "wrong auth token: router and worker must be given the same one"};
      refuse(connection, error);
      co_return std::unexpected(error);
    }
    connection.send(hello_reply(*version));
    co_return Result<void>{};
  }

  static void refuse(aio::FramedConnection& connection, const Error& error) {
    wire::Envelope envelope;
    *envelope.mutable_failed() = wire::to_wire(AttemptId{0}, error);
    connection.send(wire::encode_frame(envelope));
  }

  std::string hello_reply(std::uint32_t version) const {
    wire::Envelope envelope;
    auto& reply = *envelope.mutable_hello_reply();
    reply.set_version(version);
    reply.set_name(identity_.name);
    reply.set_incarnation(identity_.incarnation);
    reply.set_role(wire::to_wire(identity_.role));
    reply.set_model(identity_.model);
    reply.set_model_hash(identity_.model_hash);
    reply.set_block_tokens(static_cast<std::uint32_t>(identity_.block_tokens));
    reply.set_total_blocks(static_cast<std::uint32_t>(identity_.total_blocks));
    reply.set_max_batch(static_cast<std::uint32_t>(identity_.max_batch));
    reply.set_max_context(static_cast<std::uint32_t>(identity_.max_context));
    reply.set_gpu_type(identity_.gpu_type);
    reply.set_transport(identity_.transport);
    reply.set_data_address(identity_.data_address);
    reply.set_host_id(identity_.host_id);
    reply.set_gpu_count(static_cast<std::uint32_t>(identity_.gpu_count));
    reply.set_zone(identity_.zone);
    reply.set_rack(identity_.rack);
    reply.set_spot(identity_.spot);
    reply.set_price_per_hour(identity_.price_per_hour);
    if (identity_.replica) *reply.mutable_cost_model() = wire::to_wire(*identity_.replica);
    return wire::encode_frame(envelope);
  }

  /// Returns why the connection ended.
  awaitable<Error> read_frames(ConnectionId id, aio::FramedConnection& connection) {
    for (;;) {
      auto payload = co_await connection.read();
      if (!payload) co_return payload.error();
      auto envelope = wire::parse_envelope(std::as_bytes(std::span(*payload)));
      if (!envelope) co_return envelope.error();
      if (auto handled = on_frame(id, connection, *envelope); !handled) co_return handled.error();
    }
  }

  Result<void> on_frame(ConnectionId id, aio::FramedConnection& connection, const wire::Envelope& envelope) {
    switch (envelope.body_case()) {
      case wire::Envelope::kGenerate:
        return on_submit(id, connection, envelope.generate(), AttemptKind::generate, envelope.generate().itl_slo_ms());
      case wire::Envelope::kPrefill:
        return on_submit(id, connection, envelope.prefill(), AttemptKind::prefill, 0);
      case wire::Envelope::kReserve:
        return on_submit(id, connection, envelope.reserve(), AttemptKind::reserve, envelope.reserve().itl_slo_ms());
      case wire::Envelope::kGrant: {
        if (auto valid = wire::validate(envelope.grant()); !valid) return valid;
        loop_->submit_always(GrantIn{{id, AttemptId{envelope.grant().attempt()}}, envelope.grant().ticket()});
        return {};
      }
      case wire::Envelope::kCancel:
        loop_->submit_always(CancelIn{{id, AttemptId{envelope.cancel().attempt()}}});
        return {};
      case wire::Envelope::kPing: {
        wire::Envelope pong;
        pong.mutable_pong()->set_nonce(envelope.ping().nonce());
        connection.send(wire::encode_frame(pong));
        return {};
      }
      case wire::Envelope::kPong:
        return {};
      case wire::Envelope::kDrain:
        loop_->submit_always(DrainIn{});
        announce_leaving("drain requested");
        return {};
      default:
        return fail(Errc::protocol, "a router does not send this frame");
    }
  }

  template <class Message>
  Result<void> on_submit(ConnectionId id, aio::FramedConnection& connection, const Message& message, AttemptKind kind,
                         float itl_slo_ms) {
    auto spec = wire::from_wire(message.spec());
    if (!spec) return std::unexpected(spec.error());
    const auto itl_slo_s = wire::objective_s(itl_slo_ms);
    if (!itl_slo_s) return std::unexpected(itl_slo_s.error());
    const AttemptId attempt{message.attempt()};
    if (const auto& constraint = spec->sampling.constraint; options_.grammars && constraint.kind != Constraint::Kind::none) {
      if (const auto prepared = options_.grammars->prepare(constraint); !prepared) {
        refuse_attempt(connection, attempt, prepared.error());
        return {};
      }
    }
    Submit submit{.key = {id, attempt},
                  .kind = kind,
                  .spec = std::move(*spec),
                  .deadline = wire::deadline_after(message.timeout_ms(), Clock::now()),
                  .itl_slo_s = *itl_slo_s};
    if (!loop_->submit(std::move(submit))) {
      refuse_attempt(connection, attempt, {Errc::queue_full, "the worker's queue is full"});
    }
    return {};
  }

  static void refuse_attempt(aio::FramedConnection& connection, AttemptId attempt, const Error& error) {
    wire::Envelope envelope;
    *envelope.mutable_failed() = wire::to_wire(attempt, error);
    connection.send(wire::encode_frame(envelope));
  }

  void deliver() {
    for (auto& frame : frames_.take()) {
      if (const auto found = connections_.find(frame.connection); found != connections_.end()) {
        found->second->send(frame.bytes);
      }
    }
  }

  ControlOptions options_;
  Identity identity_;
  aio::asio::io_context& io_;
  aio::tcp::acceptor acceptor_;
  EngineLoop* loop_ = nullptr;
  std::map<ConnectionId, std::shared_ptr<aio::FramedConnection>> connections_;
  std::uint64_t last_connection_ = 0;
  aio::BoundedQueue<OutFrame> frames_;
  aio::TaskGroup tasks_;
};

}  // namespace

Result<std::unique_ptr<Control>> Control::create(ControlOptions options, Identity identity, aio::asio::io_context& io) {
  auto acceptor = aio::listen(io.get_executor(), {.host = options.host, .port = options.port});
  if (!acceptor) return std::unexpected(acceptor.error());
  return std::make_unique<ControlImpl>(std::move(options), std::move(identity), io, std::move(*acceptor));
}

}  // namespace baton::worker
