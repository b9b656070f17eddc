#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "baton/error.h"
#include "http/chunk_decoder.h"
#include "http/head.h"
#include "http/message.h"

namespace baton::http {

struct ParserLimits {
  std::size_t header_bytes = 64U << 10;  ///< request line and headers together
  std::size_t target_bytes = 8U << 10;
  std::size_t header_count = 200;
  std::uint64_t body_bytes = 32U << 20;
};

/// Parses one HTTP/1.x request from bytes; no sockets, no clock. Memory grows with the bytes that really came, never
/// with what a head announces.
/// Errors: invalid_request, uri_too_long, headers_too_large, body_too_large. After an error the rest of the connection
/// means nothing: answer and close.
class RequestParser {
 public:
  explicit RequestParser(const ParserLimits& limits) : limits_(limits) {}

  /// Takes bytes from the front of `bytes` and says how many. What is left over must come again, followed by more
  /// (or, once done(), belongs to the next request).
  Result<std::size_t> put(std::string_view bytes);

  /// A first byte of this request was seen (an empty line before it does not count).
  bool started() const { return head_done() || !raw_head_.empty(); }
  bool head_done() const { return head_.has_value(); }
  bool done() const;
  /// Bytes of the body so far.
  std::size_t body_bytes() const;
  /// After head_done().
  const Head& head() const { return *head_; }
  /// After done(): moves the request out.
  Request take();

 private:
  Result<std::size_t> put_head(std::string_view bytes);
  Result<void> check_growing_head() const;
  Result<void> finish_head();
  Result<std::size_t> put_body(std::string_view bytes);

  ParserLimits limits_;
  std::string raw_head_;
  std::size_t line_start_ = 0;  ///< in raw_head_
  std::size_t lines_ = 0;
  bool skipped_empty_line_ = false;
  std::optional<Head> head_;
  std::uint64_t body_left_ = 0;         ///< of a body with Content-Length
  std::optional<ChunkDecoder> chunks_;  ///< of a chunked one
};

}  // namespace baton::http
