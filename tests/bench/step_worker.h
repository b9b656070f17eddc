#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <span>
#include <thread>

#include "aio/framed_connection.h"
#include "aio/net.h"
#include "wire/convert.h"
#include "wire/frame.h"
#include "wire/wire.pb.h"

namespace baton::bench {

/// A worker whose engine takes no time but steps at a fixed pace, as engines do: every step is one frame with one token
/// for each sequence of its batch. Serves one router connection on a thread of its own.
class StepWorker {
 public:
  explicit StepWorker(std::chrono::microseconds pace) : pace_(pace) {
    auto acceptor = aio::listen(io_.get_executor(), {.host = "127.0.0.1", .port = 0});
    port = acceptor->local_endpoint().port();
    aio::asio::co_spawn(io_, serve(std::move(*acceptor)), aio::asio::detached);
    aio::asio::co_spawn(io_, step(), aio::asio::detached);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~StepWorker() {
    io_.stop();
    thread_.join();
  }
  std::uint16_t port = 0;

 private:
  void send(const wire::Envelope& envelope) { connection_->send(wire::encode_frame(envelope)); }

  aio::asio::awaitable<void> serve(aio::tcp::acceptor acceptor) {
    auto [error, socket] = co_await acceptor.async_accept(io_, aio::kNoThrow);
    if (error) co_return;
    const aio::FramedConnection::Options limits{.max_frame_bytes = 1U << 30};
    connection_ = std::make_unique<aio::FramedConnection>(std::move(socket), limits);
    while (true) {
      auto payload = co_await connection_->read();
      if (!payload) break;
      const auto envelope = wire::parse_envelope(std::as_bytes(std::span(*payload)));
      if (envelope) on_frame(*envelope);
    }
  }

  void on_frame(const wire::Envelope& envelope) {
    wire::Envelope reply;
    if (envelope.has_hello()) {
      auto& hello = *reply.mutable_hello_reply();
      hello.set_version(wire::kProtocolVersion);
      hello.set_name("step");
      hello.set_incarnation(1);
      hello.set_role(wire::to_wire(Role::both));
      hello.set_model("bench");
      hello.set_model_hash("hash");
      hello.set_block_tokens(16);
      hello.set_total_blocks(1 << 24);
      hello.set_max_batch(4096);
      hello.set_max_context(1 << 20);
      hello.set_host_id("host");
      send(reply);
      reply.mutable_load()->set_free_blocks(1 << 24);
      send(reply);
    } else if (envelope.has_ping()) {
      reply.mutable_pong()->set_nonce(envelope.ping().nonce());
      send(reply);
    } else if (envelope.has_generate()) {
      reply.mutable_prefilled()->set_attempt(envelope.generate().attempt());
      send(reply);
      batch_[envelope.generate().attempt()] = 0;
    } else if (envelope.has_cancel()) {
      batch_.erase(envelope.cancel().attempt());
    }
  }

  aio::asio::awaitable<void> step() {
    aio::asio::steady_timer timer(io_);
    auto next = std::chrono::steady_clock::now();
    while (true) {
      timer.expires_at(next += pace_);
      auto [error] = co_await timer.async_wait(aio::kNoThrow);
      (void)error;
      if (batch_.empty()) continue;
      std::vector<TokenOut> tokens;
      for (auto& [attempt, index] : batch_) {
        TokenOut token;
        token.attempt = AttemptId{attempt};
        token.index = index++;
        token.token = 97;
        tokens.push_back(std::move(token));
      }
      wire::Envelope envelope;
      for (const TokenOut& token : tokens) *envelope.mutable_step()->add_tokens() = wire::to_wire(token);
      send(envelope);
    }
  }

  aio::asio::io_context io_{1};
  std::chrono::microseconds pace_;
  std::unique_ptr<aio::FramedConnection> connection_;
  std::map<std::uint64_t, std::int32_t> batch_;
  std::thread thread_;
};

}  // namespace baton::bench
