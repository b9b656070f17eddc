#include "aio/framed_connection.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

namespace baton::aio {
namespace {

constexpr std::size_t kPrefixBytes = 4;
constexpr std::size_t kReadBytes = 64U << 10;

std::size_t decode_prefix(const char* bytes) {
  const auto* p = reinterpret_cast<const unsigned char*>(bytes);
  return std::size_t{p[0]} | std::size_t{p[1]} << 8 | std::size_t{p[2]} << 16 | std::size_t{p[3]} << 24;
}

}  // namespace

struct FramedConnection::State : std::enable_shared_from_this<State> {
  State(tcp::socket s, Options o) : socket(std::move(s)), options(o) {}

  void close() {
    boost::system::error_code ignored;
    socket.shutdown(tcp::socket::shutdown_both, ignored);
    socket.close(ignored);
  }

  void write_pending() {
    in_flight.swap(pending);
    pending.clear();
    auto on_written = [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
      self->in_flight.clear();
      if (error) {
        self->pending.clear();
        self->close();
      } else if (!self->pending.empty()) {
        self->write_pending();
      }
    };
    asio::async_write(socket, asio::buffer(in_flight), std::move(on_written));
  }

  /// Makes room for more input. Grows with what really arrived, so a forged length cannot claim memory.
  void make_room() {
    if (begin > 0) {
      std::memmove(input.data(), input.data() + begin, end - begin);
      end -= begin;
      begin = 0;
    }
    if (input.size() - end < kReadBytes) input.resize(end + std::max(kReadBytes, end));
  }

  tcp::socket socket;
  Options options;
  std::string pending;
  std::string in_flight;
  // Bytes [begin, end) of `input` are received and not yet consumed.
  std::vector<char> input;
  std::size_t begin = 0;
  std::size_t end = 0;
};

FramedConnection::FramedConnection(tcp::socket socket, Options options)
    : state_(std::make_shared<State>(std::move(socket), options)) {
  boost::system::error_code ignored;
  state_->socket.set_option(tcp::no_delay(true), ignored);
}

FramedConnection::~FramedConnection() {
  if (state_) state_->close();
}

Task<std::string_view> FramedConnection::read() {
  const auto state = state_;
  auto& s = *state;
  for (;;) {
    const std::size_t have = s.end - s.begin;
    if (have >= kPrefixBytes) {
      const std::size_t length = decode_prefix(s.input.data() + s.begin);
      if (length > s.options.max_frame_bytes) {
        co_return fail(Errc::protocol, "frame of " + std::to_string(length) + " bytes is over the limit of " +
                                           std::to_string(s.options.max_frame_bytes));
      }
      if (have >= kPrefixBytes + length) {
        const std::string_view payload(s.input.data() + s.begin + kPrefixBytes, length);
        s.begin += kPrefixBytes + length;
        co_return payload;
      }
    }
    s.make_room();
    auto [error, n] =
        co_await s.socket.async_read_some(asio::buffer(s.input.data() + s.end, s.input.size() - s.end), kNoThrow);
    if (error) co_return fail(Errc::io, "connection closed: " + error.message());
    s.end += n;
  }
}

void FramedConnection::send(std::string_view framed_bytes) {
  auto& s = *state_;
  if (!s.socket.is_open()) return;
  if (queued_bytes() + framed_bytes.size() > s.options.max_queued_bytes) {
    s.pending.clear();
    s.close();
    return;
  }
  s.pending.append(framed_bytes);
  if (s.in_flight.empty()) s.write_pending();
}

void FramedConnection::close() {
  state_->close();
}
bool FramedConnection::is_open() const {
  return state_->socket.is_open();
}
std::size_t FramedConnection::queued_bytes() const {
  return state_->pending.size() + state_->in_flight.size();
}

std::string FramedConnection::peer() const {
  boost::system::error_code error;
  const auto endpoint = state_->socket.remote_endpoint(error);
  return error ? "?" : endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
}

}  // namespace baton::aio
