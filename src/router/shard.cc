#include "router/shard.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <random>
#include <utility>

#include "core/log.h"
#include "router/answers.h"

namespace baton::router {

namespace asio = aio::asio;

namespace {

constexpr Duration kDrainPoll = 20ms;
constexpr Duration kGaugePeriod = 1s;

http::ServerOptions server_options(const Config& config) {
  http::ServerOptions options;
  options.limits.body_bytes = static_cast<std::uint64_t>(config.limits.body_bytes);
  options.limits.header_bytes = static_cast<std::size_t>(config.limits.header_bytes);
  options.connections = static_cast<std::size_t>(std::max(1, config.limits.connections / std::max(1, config.threads)));
  options.header_timeout = config.limits.header_timeout;
  options.body_timeout = config.limits.body_timeout;
  options.idle_timeout = config.limits.idle_timeout;
  options.write_timeout = config.limits.write_timeout;
  options.error_response = [](const Error& error) {
    http::Response response = error_answer(error);
    response.headers.push_back({"x-request-id", random_name("req_")});
    return response;
  };
  return options;
}

}  // namespace

Shard::Shard(const SharedParts& parts, std::size_t index, DrainTimes drain)
    : drain_(drain),
      dispatcher_(io_.get_executor(), parts.config, index, parts.metrics),
      routes_{{parts.model, dispatcher_, parts.metrics, io_.get_executor(), parts.tokenizers,
               parts.config.limits.request_timeout, std::mt19937_64{std::random_device{}()}},
              parts.registry},
      server_(io_.get_executor(), server_options(parts.config),
              [this](http::Exchange& exchange) { return answer(routes_, exchange); }),
      workers_(parts.config.workers),
      pause_(io_) {}

void Shard::run() {
  dispatcher_.set_workers(workers_);
  asio::co_spawn(io_, publish_gauges(), asio::detached);
  io_.run();
}

void Shard::set_workers(std::vector<WorkerConfig> workers) {
  asio::post(io_, [this, workers = std::move(workers)] {
    if (stops_ == 0) dispatcher_.set_workers(workers);
  });
}

void Shard::stop() {
  asio::post(io_, [this] { begin_stop(); });
}

void Shard::begin_stop() {
  ++stops_;
  pause_.cancel();
  if (stops_ == 1) asio::co_spawn(io_, drain(), asio::detached);
}

/// Refuse, let the running requests finish, cut what is left. A second stop() skips the waiting.
asio::awaitable<void> Shard::drain() {
  log_info("router", "draining", {{"running", server_.answering()}});
  dispatcher_.start_drain();
  server_.close_after_answers();
  const TimePoint grace_ends = Clock::now() + drain_.grace;
  const TimePoint cut_at = grace_ends + drain_.timeout;
  const auto waiting = [&](TimePoint now) {
    return stops_ == 1 && (now < grace_ends || (server_.answering() > 0 && now < cut_at));
  };
  bool accepting = true;
  while (waiting(Clock::now())) {
    if (Clock::now() >= grace_ends && std::exchange(accepting, false)) server_.stop_accepting();
    pause_.expires_after(kDrainPoll);
    auto [error] = co_await pause_.async_wait(aio::kNoThrow);
    (void)error;
  }
  server_.stop_accepting();
  co_await server_.stop();
  co_await dispatcher_.stop();
  io_.stop();  // the program's own signals and children may still wait on this loop
}

asio::awaitable<void> Shard::publish_gauges() {
  while (stops_ == 0) {
    dispatcher_.publish_gauges();
    pause_.expires_after(kGaugePeriod);
    auto [error] = co_await pause_.async_wait(aio::kNoThrow);
    (void)error;
  }
}

}  // namespace baton::router
