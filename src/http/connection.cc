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
    : socket_(std::move(socket)), options_(options), handler_(handler), timer_(socket_.get_executor()) {
  error_code ignored;
  socket_.set_option(aio::tcp::no_delay(true), ignored);
  socket_.set_option(asio::socket_base::keep_alive(true), ignored);
  socket_.non_blocking(true, ignored);
}

asio::awaitable<void> Connection::run() {
  while (open_) {
    RequestParser parser(options_.limits);
    auto end = co_await read_request(parser);
    if (!end) {
      co_await refuse(std::move(end.error()));
      break;
    }
    if (*end == ReadEnd::closed) break;
    co_await answer(parser);
    if (!keep_alive_ || !keep_alive_allowed_ || gone_) {
      co_await linger();
      break;
    }
    if (input_.size() == 0 && input_.capacity() > kKeptBufferBytes) input_.shrink_to_fit();
  }
  cut();
}

/// Reads one whole request. An error is one to answer; `closed` means there is nobody or nothing to answer.
aio::Task<Connection::ReadEnd> Connection::read_request(RequestParser& parser) {
  keep_alive_ = false;
  http10_ = is_head_ = false;
  bool told_to_continue = false;
  bool head_seen = false;
  set_deadline(Clock::now() + options_.idle_timeout);
  while (true) {
    auto used = parser.put(view_of(input_));
    if (!used) co_return std::unexpected(std::move(used.error()));
    input_.consume(*used);
    if (parser.done()) break;
    if (parser.head_done() && !std::exchange(head_seen, true)) {
      set_deadline(Clock::now() + options_.body_timeout);
    } else if (parser.started() && std::exchange(idle_, false)) {
      set_deadline(Clock::now() + options_.header_timeout);
    }
    if (head_seen && parser.expects_continue() && input_.size() == 0 && !std::exchange(told_to_continue, true)) {
      const std::array<asio::const_buffer, 1> buffers{asio::buffer("HTTP/1.1 100 Continue\r\n\r\n", 25)};
      if (auto sent = co_await write_all(buffers); !sent) co_return ReadEnd::closed;
      set_deadline(Clock::now() + options_.body_timeout);
    }
    if (!parser.started()) idle_ = true;
    if (idle_ && close_when_idle_) co_return ReadEnd::closed;
    if (auto got = co_await read_some(head_seen ? kBodyRead : kHeadRead); !got) {
      if (got.error().code == Errc::timeout && parser.started()) co_return std::unexpected(std::move(got.error()));
      co_return ReadEnd::closed;
    }
  }
  idle_ = false;
  set_deadline(kNever);
  co_return ReadEnd::request;
}

aio::Task<void> Connection::read_some(std::size_t at_most) {
  auto [error, count] = co_await socket_.async_read_some(input_.prepare(at_most), aio::kNoThrow);
  if (error) {
    gone_ = true;
    if (timed_out_) co_return fail(Errc::timeout, "The request did not arrive in time.");
    co_return fail(Errc::io, error.message());
  }
  input_.commit(count);
  co_return Result<void>{};
}

asio::awaitable<void> Connection::answer(RequestParser& parser) {
  keep_alive_ = parser.keep_alive();
  http10_ = parser.http10();
  is_head_ = parser.is_head();
  answering_ = true;
  Exchange exchange(*this, parser.take());
  co_await handler_(exchange);
  if (exchange.stage_ == Exchange::Stage::unanswered) {
    const Error unanswered{Errc::internal, "The request was not answered."};
    Response response = options_.error_response(unanswered);
    (void)co_await exchange.send(std::move(response));
  }
  if (exchange.stage_ != Exchange::Stage::answered) keep_alive_ = false;
  answering_ = false;
  on_gone_ = nullptr;
  stop_watching_.emit(asio::cancellation_type::total);
}

/// Answers a request that could not be read, then closes: what follows it cannot be told from its body.
asio::awaitable<void> Connection::refuse(Error error) {
  keep_alive_ = false;
  const bool late = error.code == Errc::timeout;
  Response response = options_.error_response(error);
  if (late) response.status = 408;
  Exchange exchange(*this, Request{});
  (void)co_await exchange.send(std::move(response));
  gone_ = false;
  co_await linger();
}

asio::awaitable<void> Connection::turn_away(Error error) {
  co_await refuse(std::move(error));
  cut();
}

/// Closes so that the client surely reads the answer: a close with unread input would send RST, which discards it.
asio::awaitable<void> Connection::linger() {
  error_code ignored;
  socket_.shutdown(aio::tcp::socket::shutdown_send, ignored);
  if (gone_ || !open_) co_return;
  input_.clear();
  set_deadline(Clock::now() + kLingerTime);
  for (std::size_t discarded = 0; discarded < kLingerBytes;) {
    auto [error, count] = co_await socket_.async_read_some(input_.prepare(kBodyRead), aio::kNoThrow);
    if (error) co_return;
    discarded += count;
  }
}

aio::Task<void> Connection::write_all(std::span<const asio::const_buffer> buffers) {
  if (!open_) co_return fail(Errc::cancelled, "the connection is closed");
  set_deadline(Clock::now() + options_.write_timeout);
  auto [error, count] = co_await asio::async_write(socket_, buffers, aio::kNoThrow);
  (void)count;
  const bool late = timed_out_;
  set_deadline(kNever);
  if (!error) co_return Result<void>{};
  keep_alive_ = false;
  gone_ = true;
  if (late) co_return fail(Errc::timeout, "the client does not read its answer");
  co_return fail(Errc::cancelled, "the client is gone: " + error.message());
}

/// The timer is moved only when it would fire too late; when it fires too early it goes to sleep again.
void Connection::set_deadline(TimePoint when) {
  deadline_ = when;
  timed_out_ = false;
  if (when < armed_for_) arm_timer();
}

void Connection::arm_timer() {
  armed_for_ = deadline_;
  timer_.expires_at(deadline_);
  timer_.async_wait([self = shared_from_this()](const error_code& error) {
    if (error || !self->open_) return;
    self->armed_for_ = kNever;
    if (Clock::now() < self->deadline_) {
      if (self->deadline_ != kNever) self->arm_timer();
      return;
    }
    self->timed_out_ = true;
    self->deadline_ = kNever;
    error_code ignored;
    self->socket_.cancel(ignored);
  });
}

void Connection::watch_for_disconnect() {
  auto on_ready = [self = shared_from_this()](const error_code& error) {
    if (error || !self->open_ || !self->on_gone_) return;
    self->on_readable();
  };
  socket_.async_wait(aio::tcp::socket::wait_read,
                     asio::bind_cancellation_slot(stop_watching_.slot(), std::move(on_ready)));
}

/// Either the client closed, or it pipelines: keep what it sent and watch on, up to a bound.
void Connection::on_readable() {
  error_code error;
  const std::size_t count = socket_.read_some(input_.prepare(kHeadRead), error);
  input_.commit(count);
  if (error && error != asio::error::would_block) return client_gone();
  if (input_.size() < kPipelineBytes) watch_for_disconnect();
}

void Connection::client_gone() {
  gone_ = true;
  if (auto gone = std::exchange(on_gone_, nullptr)) gone();
}

void Connection::close_when_idle() {
  keep_alive_allowed_ = false;
  close_when_idle_ = true;
  if (idle_) cut();
}

void Connection::cut() {
  if (!std::exchange(open_, false)) return;
  timer_.cancel();
  error_code ignored;
  socket_.close(ignored);
  client_gone();
}

}  // namespace baton::http
