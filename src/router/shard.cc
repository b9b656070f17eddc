#include "router/shard.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <random>
#include <utility>

#include "classify/classifier.h"
#include "core/log.h"
#include "router/answers.h"

namespace baton::router {

namespace asio = aio::asio;

namespace {

constexpr Duration kDrainPoll = 20ms;
constexpr Duration kGaugePeriod = 1s;
constexpr Duration kLastWords = 1s;  // for the error events of streams that are cut

http::ServerOptions server_options(const Config& config, RouterMetrics& metrics) {
  http::ServerOptions options;
  options.limits.body_bytes = static_cast<std::uint64_t>(config.limits.body_bytes);
  options.limits.header_bytes = static_cast<std::size_t>(config.limits.header_bytes);
  options.connections = static_cast<std::size_t>(std::max(1, config.limits.connections / std::max(1, config.threads)));
  options.header_timeout = config.limits.header_timeout;
  options.body_timeout = config.limits.body_timeout;
  options.idle_timeout = config.limits.idle_timeout;
  options.write_timeout = config.limits.write_timeout;
  options.cors_origins = config.cors_origins;
  options.error_response = [](const Error& error) {
    http::Response response = error_answer(error);
    response.headers.push_back({"x-request-id", random_name("req_")});
    return response;
  };
  options.on_own_answer = [&metrics](int status) { metrics.requests.with({"other", std::to_string(status)}).add(); };
  return options;
}

}  // namespace

Shard::Shard(const SharedParts& parts, std::size_t index)
    : limits_(parts.config.limits),
      board_(parts.board),
      index_(index),
      dispatcher_(io_.get_executor(), parts.config, index, parts.metrics, parts.board),
      routes_{{parts.model, dispatcher_, parts.metrics, io_.get_executor(), parts.tokenizers,
               parts.config.limits.request_timeout, classify::effective_classes(parts.config), parts.decisions,
               parts.config.scheduling.block_tokens,
               std::mt19937_64{std::random_device{}()}},
              parts.registry},
      server_(io_.get_executor(), server_options(parts.config, parts.metrics),
              [this](http::Exchange& exchange) { return answer(routes_, exchange); }),
      workers_(parts.config.workers),
      pause_(io_) {}

void Shard::run() {
  dispatcher_.set_workers(workers_);
  asio::co_spawn(io_, publish_gauges(), asio::detached);
  io_.run();
  board_.end(index_);
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

/// Readiness says no while everything is still served, so that load balancers look elsewhere; then new work is refused
/// and the running requests finish; what is left gets an error. A second stop() skips all waiting.
asio::awaitable<void> Shard::drain() {
  log_info("router", "draining", {{"running", server_.answering()}});
  dispatcher_.announce_drain();
  const TimePoint refuse_at = Clock::now() + limits_.drain_delay;
  while (stops_ == 1 && Clock::now() < refuse_at) co_await pause(refuse_at - Clock::now());
  dispatcher_.start_drain();
  server_.close_after_answers();
  co_await let_answers_finish(Clock::now() + limits_.drain_timeout);
  server_.stop_accepting();
  if (stops_ == 1 && server_.answering() > 0) {
    const Error shutting_down{Errc::draining, "The router shut down before the answer was complete."};
    dispatcher_.fail_all(shutting_down);
    co_await let_answers_finish(Clock::now() + kLastWords);
  }
  co_await server_.stop();
  co_await dispatcher_.stop();
  // The first shard's loop carries the program's signals, so it stays for the others.
  while (index_ == 0 && stops_ == 1 && board_.running() > 1) co_await pause(kDrainPoll);
  io_.stop();  // the program's own signals and children may still wait on this loop
}

asio::awaitable<void> Shard::let_answers_finish(TimePoint until) {
  while (stops_ == 1 && server_.answering() > 0 && Clock::now() < until) co_await pause(kDrainPoll);
}

asio::awaitable<void> Shard::pause(Duration length) {
  pause_.expires_after(length);
  auto [error] = co_await pause_.async_wait(aio::kNoThrow);
  (void)error;
}

asio::awaitable<void> Shard::publish_gauges() {
  while (stops_ == 0) {
    dispatcher_.publish_gauges();
    co_await pause(kGaugePeriod);
  }
}

}  // namespace baton::router
