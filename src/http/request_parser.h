#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "baton/error.h"
#include "http/message.h"

namespace baton::http {

struct ParserLimits {
  std::size_t header_bytes = 64U << 10;  ///< request line and headers together
  std::size_t target_bytes = 8U << 10;
  std::size_t header_count = 200;
  std::uint64_t body_bytes = 32U << 20;
};

/// Parses one HTTP/1.x request from bytes; no sockets, no clock. Stricter than the parser beneath it where leniency
/// would let two servers disagree about where a request ends (RFC 9112 §6, §11.2).
/// Errors: invalid_request, uri_too_long, headers_too_large, body_too_large. After an error the rest of the connection
/// means nothing: answer and close.
class RequestParser {
 public:
  explicit RequestParser(ParserLimits limits);
  ~RequestParser();
  RequestParser(RequestParser&&) noexcept;
  RequestParser& operator=(RequestParser&&) noexcept;

  /// Takes bytes from the front of `bytes` and says how many. What is left over must come again, followed by more
  /// (or, once done(), belongs to the next request).
  Result<std::size_t> put(std::string_view bytes);

  /// A first byte of this request was seen (an empty line before it does not count).
  bool started() const;
  bool head_done() const;
  bool done() const;
  /// After head_done(): the client waits for "100 Continue" before it sends the body.
  bool expects_continue() const;
  /// After head_done(): the client's side of the keep-alive decision.
  bool keep_alive() const;
  bool http10() const;
  bool is_head() const;
  /// After done(): moves the request out.
  Request take();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace baton::http
