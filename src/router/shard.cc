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
    : x_drain(drain),
      x_dispatcher(x_io.get_executor(), parts.config, index, parts.metrics),
      x_routes{{parts.model, x_dispatcher, parts.metrics, x_io.get_executor(), parts.tokenizers,
                parts.config.limits.request_timeout, std::mt19937_64{std::random_device{}()}},
               parts.registry},
      x_server(x_io.get_executor(), server_options(parts.config),
               [this](http::Exchange& exchange) { return answer(x_routes, exchange); }),
      x_workers(parts.config.workers),
      x_pause(x_io) {}

void Shard::run() {
  x_dispatcher.set_workers(x_workers);
  asio::co_spawn(x_io, publish_gauges(), asio::detached);
  x_io.run();
}

void Shard::set_workers(std::vector<WorkerConfig> workers) {
  asio::post(x_io, [this, workers = std::move(workers)] {
    if (x_stops == 0) x_dispatcher.set_workers(workers);
  });
}

void Shard::stop() {
  asio::post(x_io, [this] { begin_stop(); });
}

void Shard::begin_stop() {
  ++x_stops;
  x_pause.cancel();
  if (x_stops == 1) asio::co_spawn(x_io, drain(), asio::detached);
}

/// Refuse, let the running requests finish, cut what is left. A second stop() skips the waiting.
asio::awaitable<void> Shard::drain() {
  log_info("router", "draining", {{"running", x_server.answering()}});
  x_dispatcher.start_drain();
  x_server.close_after_answers();
  const TimePoint grace_ends = Clock::now() + x_drain.grace;
  const TimePoint cut_at = grace_ends + x_drain.timeout;
  const auto waiting = [&](TimePoint now) {
    return x_stops == 1 && (now < grace_ends || (x_server.answering() > 0 && now < cut_at));
  };
  bool accepting = true;
  while (waiting(Clock::now())) {
    if (Clock::now() >= grace_ends && std::exchange(accepting, false)) x_server.stop_accepting();
    x_pause.expires_after(kDrainPoll);
    auto [error] = co_await x_pause.async_wait(aio::kNoThrow);
    (void)error;
  }
  x_server.stop_accepting();
  co_await x_server.stop();
  co_await x_dispatcher.stop();
  x_io.stop();  // the program's own signals and children may still wait on this loop
}

asio::awaitable<void> Shard::publish_gauges() {
  while (x_stops == 0) {
    x_dispatcher.publish_gauges();
    x_pause.expires_after(kGaugePeriod);
    auto [error] = co_await x_pause.async_wait(aio::kNoThrow);
    (void)error;
  }
}

}  // namespace baton::router
