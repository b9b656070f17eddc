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
  void close_after_answer() { keep_alive_allowed_ = false; }
  /// Ends the connection now.
  void cut();
  /// A request is being answered.
  bool answering() const { return answering_; }

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

  aio::tcp::socket socket_;
  const ServerOptions& options_;
  const Handler& handler_;
  aio::asio::steady_timer timer_;
  TimePoint deadline_ = kNever;
  TimePoint armed_for_ = kNever;
  bool timed_out_ = false;
  bool open_ = true;
  bool idle_ = false;
  bool answering_ = false;
  bool close_when_idle_ = false;
  bool gone_ = false;               ///< the client closed its side or the connection broke
  bool keep_alive_allowed_ = true;  ///< the server still wants to keep it
  bool keep_alive_ = false;         ///< for the current answer
  bool http10_ = false;
  bool is_head_ = false;
  boost::beast::flat_buffer input_;
  aio::asio::cancellation_signal stop_watching_;
  std::function<void()> on_gone_;
};

}  // namespace baton::http
