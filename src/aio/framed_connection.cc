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
/// Bodies up to here are cheaper to copy than to write by themselves.
constexpr std::size_t kCopiedBytes = 16U << 10;

std::size_t decode_prefix(const char* bytes) {
  const auto* p = reinterpret_cast<const unsigned char*>(bytes);
  return std::size_t{p[0]} | std::size_t{p[1]} << 8 | std::size_t{p[2]} << 16 | std::size_t{p[3]} << 24;
}

/// Bytes to be written together: its own, and shared ones in between.
class Batch {
 public:
  std::size_t size() const { return bytes_.size() + shared_bytes_; }
  bool empty() const { return size() == 0; }

  void add(std::string_view bytes) { bytes_.append(bytes); }
  void add(std::shared_ptr<const std::string> body) {
    if (body->size() <= kCopiedBytes) return add(*body);
    shared_bytes_ += body->size();
    shared_.push_back({bytes_.size(), std::move(body)});
  }
  void clear() {
    bytes_.clear();
    shared_.clear();
    shared_bytes_ = 0;
  }

  template <class Handler>
  void write(tcp::socket& socket, Handler handler) const {
    if (shared_.empty()) return asio::async_write(socket, asio::buffer(bytes_), std::move(handler));
    std::vector<asio::const_buffer> buffers;
    std::size_t at = 0;
    for (const Shared& shared : shared_) {
      buffers.emplace_back(bytes_.data() + at, shared.at - at);
      buffers.push_back(asio::buffer(*shared.body));
      at = shared.at;
    }
    buffers.emplace_back(bytes_.data() + at, bytes_.size() - at);
    asio::async_write(socket, std::move(buffers), std::move(handler));
  }

 private:
  struct Shared {
    std::size_t at;  ///< own bytes before it
    std::shared_ptr<const std::string> body;
  };
  std::string bytes_;
  std::vector<Shared> shared_;
  std::size_t shared_bytes_ = 0;
};

}  // namespace

struct FramedConnection::State : std::enable_shared_from_this<State> {
  State(tcp::socket s, Options o) : socket(std::move(s)), options(o) {}

  void close() {
    boost::system::error_code ignored;
    socket.shutdown(tcp::socket::shutdown_both, ignored);
    socket.close(ignored);
  }

  void write_pending() {
    std::swap(in_flight, pending);
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
    in_flight.write(socket, std::move(on_written));
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
  /// Whether `bytes` more may be queued; if not, the peer is cut off.
  bool has_room(std::size_t bytes) {
    if (!socket.is_open()) return false;
    if (pending.size() + in_flight.size() + bytes <= options.max_queued_bytes) return true;
    pending.clear();
    close();
    return false;
  }

  Batch pending;
  Batch in_flight;
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
  if (!s.has_room(framed_bytes.size())) return;
  s.pending.add(framed_bytes);
  if (s.in_flight.empty()) s.write_pending();
}

void FramedConnection::send(std::string_view head, std::shared_ptr<const std::string> body) {
  auto& s = *state_;
  if (!s.has_room(head.size() + body->size())) return;
  s.pending.add(head);
  s.pending.add(std::move(body));
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
