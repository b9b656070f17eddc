#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "aio/asio.h"

namespace baton::aio {

/// Length-prefixed frames (4 bytes little-endian, then the payload) over one TCP socket. All methods on the socket's
/// io_context thread. Sending never waits: frames queue up, are written together, and a peer that lets more than
/// `max_queued_bytes` pile up is cut off.
class FramedConnection {
 public:
  struct Options {
    std::size_t max_frame_bytes = 16U << 20;
    std::size_t max_queued_bytes = 256U << 20;
  };
  FramedConnection(tcp::socket socket, Options options);
  ~FramedConnection();
  FramedConnection(FramedConnection&&) noexcept = default;
  FramedConnection& operator=(FramedConnection&&) noexcept = default;

  /// The next frame's payload, valid until the next call. Errc::io at the end of the stream or after close(),
  /// Errc::protocol on an oversized frame. One reader at a time.
  Task<std::string_view> read();

  /// Queues bytes that already carry their length prefix (wire::append_frame). Dropped after close().
  void send(std::string_view framed_bytes);

  /// The same for a frame whose end is shared: `body` follows `head`, and is not copied if it is large.
  void send(std::string_view head, std::shared_ptr<const std::string> body);

  /// Cuts the connection: a pending read() fails. Idempotent.
  void close();
  bool is_open() const;
  std::size_t queued_bytes() const;
  /// "address:port" of the other side, for logs.
  std::string peer() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace baton::aio
