#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "baton/error.h"
#include "http/message.h"

namespace baton::http {

/// A request head and what it says about the bytes that follow it.
struct Head {
  Request request;                              ///< without a body
  std::optional<std::uint64_t> content_length;  ///< never together with `chunked`
  bool chunked = false;
  bool http10 = false;
  bool keep_alive = true;  ///< the client's side of the decision
  bool expects_continue = false;
};

/// Reads one head: request line, header lines and the empty line, each ending with CRLF. Strict wherever leniency would
/// let two servers disagree about where a request ends or whom it is for (RFC 9112 §3.2, §5.2, §6, §11.2): no folded
/// lines, no control characters, nothing but a token before a colon, exactly one Host on HTTP/1.1, at most one
/// Content-Length of digits alone, Transfer-Encoding only as exactly "chunked", on HTTP/1.1 and without Content-Length.
/// Errors: invalid_request. Lengths and counts are the caller's business.
Result<Head> parse_head(std::string_view bytes);

/// RFC 9110 §5.6.2: what names and methods are made of.
bool is_token(std::string_view text);
/// Visible characters, space, tab and bytes beyond ASCII: what values are made of.
bool is_field_text(std::string_view text);

}  // namespace baton::http
