#include "aio/net.h"

#include <sys/socket.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <memory>

namespace baton::aio {
namespace {

std::string endpoint_text(const std::string& host, std::uint16_t port) {
  return host + ":" + std::to_string(port);
}

/// Aborts `target` when time is up; the flag tells a timeout from any other failure.
template <class Target>
std::shared_ptr<bool> abort_at(asio::steady_timer& timer, Target& target) {
  auto fired = std::make_shared<bool>(false);
  timer.async_wait([fired, &target](const boost::system::error_code& error) {
    if (error) return;
    *fired = true;
    if constexpr (requires(boost::system::error_code e) { target.close(e); }) {
      boost::system::error_code ignored;
      target.close(ignored);
    } else {
      target.cancel();
    }
  });
  return fired;
}

}  // namespace

Task<tcp::socket> connect(std::string host, std::uint16_t port, std::chrono::milliseconds timeout) {
  const auto executor = co_await asio::this_coro::executor;
  const auto deadline = Clock::now() + timeout;
  const auto what = endpoint_text(host, port);

  tcp::resolver resolver(executor);
  asio::steady_timer resolve_timer(executor, deadline);
  const auto resolve_late = abort_at(resolve_timer, resolver);
  auto [resolve_error, found] = co_await resolver.async_resolve(host, std::to_string(port), kNoThrow);
  resolve_timer.cancel();
  if (*resolve_late) co_return fail(Errc::timeout, "resolving " + what + " timed out");
  if (resolve_error) co_return fail(Errc::io, "cannot resolve " + what + ": " + resolve_error.message());

  tcp::socket socket(executor);
  asio::steady_timer connect_timer(executor, deadline);
  const auto connect_late = abort_at(connect_timer, socket);
  auto [connect_error, chosen] = co_await asio::async_connect(socket, found, kNoThrow);
  connect_timer.cancel();
  if (*connect_late) co_return fail(Errc::timeout, "connecting to " + what + " timed out");
  if (connect_error) co_return fail(Errc::io, "cannot connect to " + what + ": " + connect_error.message());
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  co_return socket;
}

Result<tcp::acceptor> listen(asio::any_io_executor executor, const ListenOptions& options) {
  const auto what = endpoint_text(options.host, options.port);
  boost::system::error_code error;
  tcp::resolver resolver(executor);
  const auto found = resolver.resolve(options.host, std::to_string(options.port), tcp::resolver::passive, error);
  if (error || found.empty()) return fail(Errc::io, "cannot resolve listen address " + what + ": " + error.message());
  const tcp::endpoint endpoint = found.begin()->endpoint();

  tcp::acceptor acceptor(executor);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && options.reuse_port) {
    const int on = 1;
    if (::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
      error = boost::system::error_code(errno, boost::system::system_category());
    }
  }
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(options.backlog, error);
  if (error) return fail(Errc::io, "cannot listen on " + what + ": " + error.message());
  return acceptor;
}

asio::awaitable<void> sleep_until(TimePoint when) {
  asio::steady_timer timer(co_await asio::this_coro::executor, when);
  auto [error] = co_await timer.async_wait(kNoThrow);
  (void)error;
}

}  // namespace baton::aio
