#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "baton/error.h"

namespace baton::http {

/// Decodes a chunked body (RFC 9112 §7.1), strictly: lines end with CRLF, sizes are hexadecimal digits alone, trailers
/// are well-formed fields (and are dropped), extensions are few. The outcome does not depend on how the bytes were cut.
class ChunkDecoder {
 public:
  explicit ChunkDecoder(std::uint64_t body_limit) : limit_(body_limit) {}

  /// Takes bytes from the front of `bytes`, appends their data to body(), and says how many it took. What is left over
  /// must come again, followed by more. Errors: invalid_request, body_too_large.
  Result<std::size_t> put(std::string_view bytes);
  bool done() const { return stage_ == Stage::done; }
  std::string& body() { return body_; }
  const std::string& body() const { return body_; }

 private:
  enum class Stage : std::uint8_t { size, data, data_end, trailer, done };

  Result<void> on_size(std::string_view line);
  Result<void> on_trailer(std::string_view line);
  std::size_t take_data(std::string_view bytes);

  std::uint64_t limit_;
  std::string body_;
  std::uint64_t left_ = 0;  ///< of the current chunk
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
  Stage stage_ = Stage::size;
};

}  // namespace baton::http
