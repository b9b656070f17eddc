#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "http/message.h"

namespace baton::http {

/// Headers that let a page of the request's Origin read the answer; none if `origins` (exact origins, or "*" for any)
/// does not hold it, or there is no Origin.
std::vector<Header> cors_headers(std::span<const std::string> origins, const Request& request);

/// The answer to a browser's preflight (OPTIONS with Origin and Access-Control-Request-Method) from an allowed origin,
/// without cors_headers; nothing for any other request.
std::optional<Response> cors_preflight(std::span<const std::string> origins, const Request& request);

}  // namespace baton::http
