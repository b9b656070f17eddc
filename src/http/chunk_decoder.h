#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "baton/error.h"

namespace baton::http {

/// Decodes a chunked body (RFC 9112 §7.1), strictly: lines end with CRLF, sizes are hexadecimal digits alone, trailers are
/// well-formed fields (and are dropped). The outcome does not depend on how the bytes were cut.
class ChunkDecoder {
 public:
  explicit ChunkDecoder(std::uint64_t body_limit) : x_limit(body_limit) {}

  /// Takes bytes from the front of `bytes`, appends their data to body(), and says how many it took. What is left over
  /// must come again, followed by more. Errors: invalid_request, body_too_large.
  Result<std::size_t> put(std::string_view bytes);
  bool done() const { return x_stage == Stage::done; }
  std::string& body() { return x_body; }

 private:
  enum class Stage : std::uint8_t { size, data, data_end, trailer, done };

  Result<void> on_size(std::string_view line);
  Result<void> on_trailer(std::string_view line);
  std::size_t take_data(std::string_view bytes);

  std::uint64_t x_limit;
  std::string x_body;
  std::uint64_t x_left = 0;  ///< of the current chunk
  std::size_t x_trailer_bytes = 0;
  Stage x_stage = Stage::size;
};

}  // namespace baton::http
