#include "http/connection.h"

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace baton::http {

namespace asio = aio::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t kHeadRead = 4U << 10;
constexpr std::size_t kBodyRead = 64U << 10;
/// How much of the next requests is buffered while an answer is under way; then TCP pushes back.
constexpr std::size_t kPipelineBytes = 64U << 10;
constexpr std::size_t kKeptBufferBytes = 16U << 10;
constexpr std::size_t kLingerBytes = 32U << 20;
constexpr std::chrono::milliseconds kLingerTime{2'000};

std::string_view view_of(const boost::beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.data().data()), buffer.size()};
}

}  // namespace

Connection::Connection(aio::tcp::socket socket, const ServerOptions& options, const Handler& handler)
    : x_socket(std::move(socket)), x_options(options), x_handler(handler), x_timer(x_socket.get_executor()) {
  error_code ignored;
  x_socket.set_option(aio::tcp::no_delay(true), ignored);
  x_socket.set_option(asio::socket_base::keep_alive(true), ignored);
  x_socket.non_blocking(true, ignored);
}

asio::awaitable<void> Connection::run() {
  while (x_open) {
    RequestParser parser(x_options.limits);
    auto end = co_await read_request(parser);
    if (!end) {
      co_await refuse(std::move(end.error()));
      break;
    }
    if (*end == ReadEnd::closed) break;
    co_await answer(parser);
    if (!x_keep_alive || !x_keep_alive_allowed || x_gone) {
      co_await linger();
      break;
    }
    if (x_input.size() == 0 && x_input.capacity() > kKeptBufferBytes) x_input.shrink_to_fit();
  }
  cut();
}

/// Reads one whole request. An error is one to answer; `closed` means there is nobody or nothing to answer.
aio::Task<Connection::ReadEnd> Connection::read_request(RequestParser& parser) {
  x_keep_alive = false;
  x_http10 = x_is_head = false;
  bool told_to_continue = false;
  bool head_seen = false;
  set_deadline(Clock::now() + x_options.idle_timeout);
  while (true) {
    auto used = parser.put(view_of(x_input));
    if (!used) co_return std::unexpected(std::move(used.error()));
    x_input.consume(*used);
    if (parser.done()) break;
    if (parser.head_done() && !std::exchange(head_seen, true)) {
      set_deadline(Clock::now() + x_options.body_timeout);
    } else if (parser.started() && std::exchange(x_idle, false)) {
      set_deadline(Clock::now() + x_options.header_timeout);
    }
    if (head_seen && parser.expects_continue() && x_input.size() == 0 && !std::exchange(told_to_continue, true)) {
      const std::array<asio::const_buffer, 1> buffers{asio::buffer("HTTP/1.1 100 Continue\r\n\r\n", 25)};
      if (auto sent = co_await write_all(buffers); !sent) co_return ReadEnd::closed;
      set_deadline(Clock::now() + x_options.body_timeout);
    }
    if (!parser.started()) x_idle = true;
    if (x_idle && x_close_when_idle) co_return ReadEnd::closed;
    if (auto got = co_await read_some(head_seen ? kBodyRead : kHeadRead); !got) {
      if (got.error().code == Errc::timeout && parser.started()) co_return std::unexpected(std::move(got.error()));
      co_return ReadEnd::closed;
    }
  }
  x_idle = false;
  set_deadline(kNever);
  co_return ReadEnd::request;
}

aio::Task<void> Connection::read_some(std::size_t at_most) {
  auto [error, count] = co_await x_socket.async_read_some(x_input.prepare(at_most), aio::kNoThrow);
  if (error) {
    x_gone = true;
    if (x_timed_out) co_return fail(Errc::timeout, "The request did not arrive in time.");
    co_return fail(Errc::io, error.message());
  }
  x_input.commit(count);
  co_return Result<void>{};
}

asio::awaitable<void> Connection::answer(RequestParser& parser) {
  x_keep_alive = parser.keep_alive();
  x_http10 = parser.http10();
  x_is_head = parser.is_head();
  x_answering = true;
  Exchange exchange(*this, parser.take());
  co_await x_handler(exchange);
  if (exchange.x_stage == Exchange::Stage::unanswered) {
    const Error unanswered{Errc::internal, "The request was not answered."};
    Response response = x_options.error_response(unanswered);
    (void)co_await exchange.send(std::move(response));
  }
  if (exchange.x_stage != Exchange::Stage::answered) x_keep_alive = false;
  x_answering = false;
  x_on_gone = nullptr;
  x_stop_watching.emit(asio::cancellation_type::total);
}

/// Answers a request that could not be read, then closes: what follows it cannot be told from its body.
asio::awaitable<void> Connection::refuse(Error error) {
  x_keep_alive = false;
  const bool late = error.code == Errc::timeout;
  Response response = x_options.error_response(error);
  if (late) response.status = 408;
  Exchange exchange(*this, Request{});
  (void)co_await exchange.send(std::move(response));
  x_gone = false;
  co_await linger();
}

asio::awaitable<void> Connection::turn_away(Error error) {
  co_await refuse(std::move(error));
  cut();
}

/// Closes so that the client surely reads the answer: a close with unread input would send RST, which discards it.
asio::awaitable<void> Connection::linger() {
  error_code ignored;
  x_socket.shutdown(aio::tcp::socket::shutdown_send, ignored);
  if (x_gone || !x_open) co_return;
  x_input.clear();
  set_deadline(Clock::now() + kLingerTime);
  for (std::size_t discarded = 0; discarded < kLingerBytes;) {
    auto [error, count] = co_await x_socket.async_read_some(x_input.prepare(kBodyRead), aio::kNoThrow);
    if (error) co_return;
    discarded += count;
  }
}

aio::Task<void> Connection::write_all(std::span<const asio::const_buffer> buffers) {
  if (!x_open) co_return fail(Errc::cancelled, "the connection is closed");
  set_deadline(Clock::now() + x_options.write_timeout);
  auto [error, count] = co_await asio::async_write(x_socket, buffers, aio::kNoThrow);
  (void)count;
  const bool late = x_timed_out;
  set_deadline(kNever);
  if (!error) co_return Result<void>{};
  x_keep_alive = false;
  x_gone = true;
  if (late) co_return fail(Errc::timeout, "the client does not read its answer");
  co_return fail(Errc::cancelled, "the client is gone: " + error.message());
}

/// The timer is moved only when it would fire too late; when it fires too early it goes to sleep again.
void Connection::set_deadline(TimePoint when) {
  x_deadline = when;
  x_timed_out = false;
  if (when < x_armed_for) arm_timer();
}

void Connection::arm_timer() {
  x_armed_for = x_deadline;
  x_timer.expires_at(x_deadline);
  x_timer.async_wait([self = shared_from_this()](const error_code& error) {
    if (error || !self->x_open) return;
    self->x_armed_for = kNever;
    if (Clock::now() < self->x_deadline) {
      if (self->x_deadline != kNever) self->arm_timer();
      return;
    }
    self->x_timed_out = true;
    self->x_deadline = kNever;
    error_code ignored;
    self->x_socket.cancel(ignored);
  });
}

void Connection::watch_for_disconnect() {
  auto on_ready = [self = shared_from_this()](const error_code& error) {
    if (error || !self->x_open || !self->x_on_gone) return;
    self->on_readable();
  };
  x_socket.async_wait(aio::tcp::socket::wait_read,
                      asio::bind_cancellation_slot(x_stop_watching.slot(), std::move(on_ready)));
}

/// Either the client closed, or it pipelines: keep what it sent and watch on, up to a bound.
void Connection::on_readable() {
  error_code error;
  const std::size_t count = x_socket.read_some(x_input.prepare(kHeadRead), error);
  x_input.commit(count);
  if (error && error != asio::error::would_block) return client_gone();
  if (x_input.size() < kPipelineBytes) watch_for_disconnect();
}

void Connection::client_gone() {
  x_gone = true;
  if (auto gone = std::exchange(x_on_gone, nullptr)) gone();
}

void Connection::close_when_idle() {
  x_keep_alive_allowed = false;
  x_close_when_idle = true;
  if (x_idle) cut();
}

void Connection::cut() {
  if (!std::exchange(x_open, false)) return;
  x_timer.cancel();
  error_code ignored;
  x_socket.close(ignored);
  client_gone();
}

}  // namespace baton::http
