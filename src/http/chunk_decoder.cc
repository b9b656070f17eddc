#include "http/chunk_decoder.h"

#include <algorithm>
#include <charconv>

#include "http/head.h"

namespace baton::http {
namespace {

/// One line, all extensions together, all trailers together. A client that sends more is not talking HTTP in earnest.
constexpr std::size_t kMaxLine = 16U << 10;
constexpr std::size_t kMaxSizeDigits = 15;  // fits 64 bits with room to spare

std::unexpected<Error> malformed(const char* what) {
  return fail(Errc::invalid_request, std::string("Malformed chunked body: ") + what + ".");
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// The line at the front of `bytes` with its CRLF; empty while it is not complete.
Result<std::string_view> whole_line(std::string_view bytes) {
  const std::size_t newline = bytes.substr(0, kMaxLine).find('\n');
  if (newline == std::string_view::npos) {
    if (bytes.size() >= kMaxLine) return malformed("a line is too long");
    return std::string_view{};
  }
  if (newline == 0 || bytes[newline - 1] != '\r') return malformed("a line does not end with CRLF");
  return bytes.substr(0, newline + 1);
}

}  // namespace

Result<std::size_t> ChunkDecoder::put(std::string_view bytes) {
  std::size_t used = 0;
  while (stage_ != Stage::done && used < bytes.size()) {
    const std::string_view rest = bytes.substr(used);
    if (stage_ == Stage::data) {
      used += take_data(rest);
      continue;
    }
    const auto line = whole_line(rest);
    if (!line) return std::unexpected(line.error());
    if (line->empty()) break;
    const std::string_view text = line->substr(0, line->size() - 2);
    Result<void> ok;
    if (stage_ == Stage::data_end) {
      if (!text.empty()) ok = malformed("a chunk is longer than it says");
      stage_ = Stage::size;
    } else {
      ok = stage_ == Stage::size ? on_size(text) : on_trailer(text);
    }
    if (!ok) return std::unexpected(ok.error());
    used += line->size();
  }
  return used;
}

std::size_t ChunkDecoder::take_data(std::string_view bytes) {
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
  body_.append(bytes.substr(0, count));
  left_ -= count;
  if (left_ == 0) stage_ = Stage::data_end;
  return count;
}

Result<void> ChunkDecoder::on_size(std::string_view line) {
  const auto digits = static_cast<std::size_t>(std::ranges::find_if_not(line, is_hex) - line.begin());
  if (digits == 0 || digits > kMaxSizeDigits) return malformed("a chunk size is not a hexadecimal number");
  const std::string_view extension = line.substr(digits);
  if (!extension.empty() && (extension.front() != ';' || !is_field_text(extension))) {
    return malformed("a chunk size is followed by something else");
  }
  extension_bytes_ += extension.size();
  if (extension_bytes_ > kMaxLine) return malformed("the chunk extensions are too long");
  std::from_chars(line.data(), line.data() + digits, left_, 16);
  if (left_ > limit_ - body_.size()) {
    return fail(Errc::body_too_large, "The request body is larger than " + std::to_string(limit_) + " bytes.");
  }
  stage_ = left_ == 0 ? Stage::trailer : Stage::data;
  return {};
}

Result<void> ChunkDecoder::on_trailer(std::string_view line) {
  if (line.empty()) {
    stage_ = Stage::done;
    return {};
  }
  trailer_bytes_ += line.size();
  const std::size_t colon = line.find(':');
  const bool field = colon != std::string_view::npos && is_token(line.substr(0, colon)) &&
                     is_field_text(line.substr(colon));
  if (!field) return malformed("a trailer is no header field");
  if (trailer_bytes_ > kMaxLine) return malformed("the trailers are too long");
  return {};
}

}  // namespace baton::http
