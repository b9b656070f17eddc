#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "http/exchange.h"
#include "http/request_parser.h"
#include "http/server.h"

namespace baton::http {

/// One client connection. Lives in a shared_ptr because timer and wait completions may trail the session.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(aio::tcp::socket socket, const ServerOptions& options, const Handler& handler);

  /// Serves requests until the connection ends.
  aio::asio::awaitable<void> run();
  /// Answers `error` to whoever connected, reads nothing, closes.
  aio::asio::awaitable<void> turn_away(Error error);
  /// Ends the connection now if it is idle, else after the current answer.
  void close_when_idle();
  void close_after_answer() { x_keep_alive_allowed = false; }
  /// Ends the connection now.
  void cut();
  /// A request is being answered.
  bool answering() const { return x_answering; }

 private:
  friend class Exchange;
  enum class ReadEnd : std::uint8_t { request, closed };

  aio::Task<ReadEnd> read_request(RequestParser& parser);
  aio::Task<void> read_some(std::size_t at_most);
  aio::asio::awaitable<void> answer(RequestParser& parser);
  aio::asio::awaitable<void> refuse(Error error);
  aio::asio::awaitable<void> linger();
  aio::Task<void> write_all(std::span<const aio::asio::const_buffer> buffers);
  std::string response_head(int status, std::span<const Header> headers) const;

  void set_deadline(TimePoint when);
  void arm_timer();
  void watch_for_disconnect();
  void on_readable();
  void client_gone();

  aio::tcp::socket x_socket;
  const ServerOptions& x_options;
  const Handler& x_handler;
  aio::asio::steady_timer x_timer;
  TimePoint x_deadline = kNever;
  TimePoint x_armed_for = kNever;
  bool x_timed_out = false;
  bool x_open = true;
  bool x_idle = false;
  bool x_answering = false;
  bool x_close_when_idle = false;
  bool x_gone = false;                 ///< the client closed its side or the connection broke
  bool x_keep_alive_allowed = true;    ///< the server still wants to keep it
  bool x_keep_alive = false;           ///< for the current answer
  bool x_http10 = false;
  bool x_is_head = false;
  boost::beast::flat_buffer x_input;
  aio::asio::cancellation_signal x_stop_watching;
  std::function<void()> x_on_gone;
};

}  // namespace baton::http
