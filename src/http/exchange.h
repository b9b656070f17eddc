#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "aio/asio.h"
#include "http/message.h"

namespace baton::http {

class Connection;

/// One request and the means to answer it: send() once, or begin_stream() followed by write()s and finish().
/// Belongs to the connection's coroutine; use it only inside the handler's call, on its thread.
/// Sending fails with Errc::cancelled when the client is gone and Errc::timeout when it does not read for
/// write_timeout.
class Exchange {
 public:
  explicit Exchange(Connection& connection, Request request);

  Request& request() { return request_; }

  /// A whole answer.
  aio::Task<void> send(Response response);

  /// Starts an answer of unknown length. The head goes out together with the first write().
  void begin_stream(int status, std::vector<Header> headers);
  /// One piece, sent as one chunk. `data` must stay valid until this returns.
  aio::Task<void> write(std::string_view data);
  /// Ends the stream, together with a last piece (may be empty).
  aio::Task<void> finish(std::string_view last = {});

  /// `gone` is called at most once, from the event loop, when the client goes away (or the server stops) before the
  /// answer is complete. Set it once (nullptr takes it back), and only for work worth cancelling: it keeps a read
  /// pending on the socket.
  void on_disconnect(std::function<void()> gone);
  bool disconnected() const;

 private:
  friend class Connection;
  enum class Stage : std::uint8_t { unanswered, streaming, answered };

  Connection& connection_;
  Request request_;
  Stage stage_ = Stage::unanswered;
  std::string stream_head_;  ///< not sent yet
};

/// Answers one request. Must not throw; returning without an answer gives the client a 500.
using Handler = std::function<aio::asio::awaitable<void>(Exchange&)>;

}  // namespace baton::http
