#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "http/exchange.h"
#include "http/request_parser.h"
#include "http/server.h"

namespace baton::http {

/// What the connections of one server share. Outlives them.
struct ConnectionContext {
  const ServerOptions& options;
  const Handler& handler;
  /// Where bytes land between the socket and a parser; used by one connection at a time, never across a suspension.
  std::span<char> scratch;
};

/// One client connection. Lives in a shared_ptr because timer and wait completions may trail the session. An idle one
/// holds one small read buffer.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(aio::tcp::socket socket, const ConnectionContext& context);

  /// Serves requests until the connection ends.
  aio::asio::awaitable<void> run();
  /// Answers `error` to whoever connected, reads nothing, closes.
  aio::asio::awaitable<void> turn_away(Error error);
  /// The same with little patience for the client to read and close, for when others wait for the descriptor.
  aio::asio::awaitable<void> turn_away_quickly(Error error);
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
  static constexpr std::size_t kSmallRead = 2048;

  aio::Task<ReadEnd> read_request(RequestParser& parser);
  Result<void> feed(RequestParser& parser, std::string_view bytes);
  void set_read_deadline(const RequestParser& parser);
  aio::Task<std::string_view> read_some();
  Error read_error(const boost::system::error_code& error);
  aio::asio::awaitable<void> answer(RequestParser& parser);
  aio::asio::awaitable<void> refuse(Error error);
  aio::asio::awaitable<void> linger();
  aio::Task<void> write_all(std::span<aio::asio::const_buffer> buffers);
  Result<void> written(const boost::system::error_code& error);
  std::string response_head(int status, std::span<const Header> headers) const;

  void set_deadline(TimePoint when);
  void arm_timer();
  void watch_for_disconnect();
  void on_readable();
  void client_gone();

  aio::tcp::socket socket_;
  const ConnectionContext& context_;
  const ServerOptions& options_;
  aio::asio::steady_timer timer_;
  TimePoint deadline_ = kNever;
  TimePoint armed_for_ = kNever;
  TimePoint began_{};  ///< the current phase of reading: idle, head or body
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
  std::chrono::milliseconds linger_time_{2'000};
  bool more_waits_ = false;  ///< the last read filled its buffer
  std::vector<Header> cors_;  ///< of the current answer
  std::string input_;        ///< received and not parsed: pipelined requests, part of a chunk line
  std::array<char, kSmallRead> small_;
  aio::asio::cancellation_signal stop_watching_;
  std::function<void()> on_gone_;
};

}  // namespace baton::http
