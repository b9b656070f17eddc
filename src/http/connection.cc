#include "http/connection.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "http/cors.h"

namespace baton::http {

namespace asio = aio::asio;
using boost::system::error_code;

namespace {

/// How much of the next requests is buffered while an answer is under way; then TCP pushes back.
constexpr std::size_t kPipelineBytes = 64U << 10;
/// What a client may still send after a refusal. Time is the tighter bound; a client in the middle of a large upload
/// reads the answer only if its connection is not reset before.
constexpr std::size_t kLingerBytes = 64U << 20;
constexpr std::chrono::milliseconds kShortLinger{100};

}  // namespace

Connection::Connection(aio::tcp::socket socket, const ConnectionContext& context)
    : socket_(std::move(socket)),
      context_(context),
      options_(context.options),
      timer_(socket_.get_executor()) {
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
  }
  cut();
}

/// Reads one whole request. An error is one to answer; `closed` means there is nobody or nothing to answer.
aio::Task<Connection::ReadEnd> Connection::read_request(RequestParser& parser) {
  keep_alive_ = false;
  http10_ = is_head_ = false;
  idle_ = true;
  cors_.clear();
  bool told_to_continue = false;
  began_ = Clock::now();
  set_deadline(began_ + options_.idle_timeout);
  if (auto ok = feed(parser, {}); !ok) co_return std::unexpected(std::move(ok.error()));
  while (!parser.done()) {
    if (parser.head_done() && parser.head().expects_continue && parser.body_bytes() == 0 && input_.empty() &&
        !std::exchange(told_to_continue, true)) {
      std::array<asio::const_buffer, 1> buffers{asio::buffer("HTTP/1.1 100 Continue\r\n\r\n", 25)};
      if (auto sent = co_await write_all(buffers); !sent) co_return ReadEnd::closed;
      set_read_deadline(parser);
    }
    if (idle_ && close_when_idle_) co_return ReadEnd::closed;
    auto bytes = co_await read_some();
    if (!bytes) {
      if (bytes.error().code == Errc::request_timeout && parser.started()) {
        co_return std::unexpected(std::move(bytes.error()));
      }
      co_return ReadEnd::closed;
    }
    if (auto ok = feed(parser, *bytes); !ok) co_return std::unexpected(std::move(ok.error()));
  }
  idle_ = false;
  set_deadline(kNever);
  co_return ReadEnd::request;
}

/// Gives the parser what is left over and `bytes`; keeps what it does not take.
Result<void> Connection::feed(RequestParser& parser, std::string_view bytes) {
  const bool head_was_done = parser.head_done();
  if (input_.empty()) {
    auto used = parser.put(bytes);
    if (!used) return std::unexpected(std::move(used.error()));
    input_.assign(bytes.substr(*used));
  } else {
    input_.append(bytes);
    auto used = parser.put(input_);
    if (!used) return std::unexpected(std::move(used.error()));
    input_.erase(0, *used);
    if (input_.empty()) input_ = {};
  }
  if (parser.done()) return {};
  const bool begins = parser.started() && std::exchange(idle_, false);
  if (begins || parser.head_done() != head_was_done) began_ = Clock::now();
  if (parser.started()) set_read_deadline(parser);
  return {};
}

/// The whole head has header_timeout; a body has body_timeout and one second more for every body_rate bytes.
void Connection::set_read_deadline(const RequestParser& parser) {
  if (!parser.head_done()) return set_deadline(began_ + options_.header_timeout);
  const auto earned = std::chrono::milliseconds(parser.body_bytes() * 1000 / options_.body_rate);
  set_deadline(began_ + options_.body_timeout + earned);
}

/// Waits with a small buffer only; the rest of what came goes through the scratch memory. The bytes are valid until the
/// next suspension.
aio::Task<std::string_view> Connection::read_some() {
  if (std::exchange(more_waits_, false)) {
    error_code error;
    const std::size_t count = socket_.read_some(asio::buffer(context_.scratch.data(), context_.scratch.size()), error);
    if (!error) co_return std::string_view(context_.scratch.data(), count);
    if (error != asio::error::would_block) co_return std::unexpected(read_error(error));
  }
  auto [error, count] = co_await socket_.async_read_some(asio::buffer(small_), aio::kNoThrow);
  if (error) co_return std::unexpected(read_error(error));
  more_waits_ = count == small_.size();
  co_return std::string_view(small_.data(), count);
}

Error Connection::read_error(const error_code& error) {
  gone_ = true;
  if (timed_out_) return {Errc::request_timeout, "The request did not arrive in time."};
  return {Errc::io, error.message()};
}

asio::awaitable<void> Connection::answer(RequestParser& parser) {
  keep_alive_ = parser.head().keep_alive;
  http10_ = parser.head().http10;
  answering_ = true;
  Exchange exchange(*this, parser.take());
  is_head_ = exchange.request().method == "HEAD";
  cors_ = cors_headers(options_.cors_origins, exchange.request());
  if (auto preflight = cors_preflight(options_.cors_origins, exchange.request())) {
    if (options_.on_own_answer) options_.on_own_answer(preflight->status);
    (void)co_await exchange.send(std::move(*preflight));
  } else {
    co_await context_.handler(exchange);
  }
  if (exchange.stage_ == Exchange::Stage::unanswered) {
    const Error unanswered{Errc::internal, "The request was not answered."};
    Response response = options_.error_response(unanswered);
    if (options_.on_own_answer) options_.on_own_answer(response.status);
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
  Response response = options_.error_response(error);
  if (options_.on_own_answer) options_.on_own_answer(response.status);
  Exchange exchange(*this, Request{});
  (void)co_await exchange.send(std::move(response));
  gone_ = false;
  co_await linger();
}

asio::awaitable<void> Connection::turn_away(Error error) {
  co_await refuse(std::move(error));
  cut();
}

asio::awaitable<void> Connection::turn_away_quickly(Error error) {
  linger_time_ = kShortLinger;
  co_await turn_away(std::move(error));
}

/// Closes so that the client surely reads the answer: a close with unread input would send RST, which discards it.
asio::awaitable<void> Connection::linger() {
  error_code ignored;
  socket_.shutdown(aio::tcp::socket::shutdown_send, ignored);
  if (gone_ || !open_) co_return;
  input_ = {};
  set_deadline(Clock::now() + linger_time_);
  for (std::size_t discarded = 0; discarded < kLingerBytes;) {
    auto bytes = co_await read_some();
    if (!bytes) co_return;
    discarded += bytes->size();
  }
}

/// Most answers fit into the socket's buffer: they go out without a timer or a trip through the event loop.
aio::Task<void> Connection::write_all(std::span<asio::const_buffer> buffers) {
  if (!open_) co_return fail(Errc::cancelled, "the connection is closed");
  error_code error;
  std::size_t sent = socket_.write_some(buffers, error);
  if (error && error != asio::error::would_block) co_return written(error);
  for (asio::const_buffer& buffer : buffers) {
    const std::size_t done = std::min(sent, buffer.size());
    buffer += done;
    sent -= done;
  }
  if (asio::buffer_size(buffers) == 0) co_return Result<void>{};
  set_deadline(Clock::now() + options_.write_timeout);
  const std::span<const asio::const_buffer> rest = buffers;
  auto [late_error, count] = co_await asio::async_write(socket_, rest, aio::kNoThrow);
  (void)count;
  co_return written(late_error);
}

Result<void> Connection::written(const error_code& error) {
  const bool late = timed_out_;
  set_deadline(kNever);
  if (!error) return {};
  keep_alive_ = false;
  gone_ = true;
  if (late) return fail(Errc::timeout, "the client does not read its answer");
  return fail(Errc::cancelled, "the client is gone: " + error.message());
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
  // Once enough is buffered nothing more is read, and only a broken connection can still be noticed.
  const auto what =
      input_.size() < kPipelineBytes ? aio::tcp::socket::wait_read : aio::tcp::socket::wait_error;
  socket_.async_wait(what, asio::bind_cancellation_slot(stop_watching_.slot(), std::move(on_ready)));
}

/// Either the client closed, or it pipelines: keep what it sent and watch on, up to a bound.
void Connection::on_readable() {
  if (input_.size() >= kPipelineBytes) return client_gone();
  error_code error;
  const std::size_t count = socket_.read_some(asio::buffer(small_), error);
  input_.append(small_.data(), count);
  if (error && error != asio::error::would_block) return client_gone();
  watch_for_disconnect();
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
