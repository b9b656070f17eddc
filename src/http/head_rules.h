#pragma once

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <string_view>

#include "baton/error.h"
#include "http/request_parser.h"

namespace baton::http {

using BeastHead = boost::beast::http::request_header<>;

/// Rules over the raw bytes of a head (request line to the empty line, both included): line folding, target bytes,
/// counts and lengths. The parser beneath unfolds or accepts what these refuse.
Result<void> check_raw_head(std::string_view head, const ParserLimits& limits);

/// Rules over the parsed head: exactly one Host, at most one Content-Length, Transfer-Encoding exactly "chunked" and
/// never beside Content-Length or on HTTP/1.0.
Result<void> check_parsed_head(const BeastHead& head);

}  // namespace baton::http
