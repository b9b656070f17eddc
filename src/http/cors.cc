#include "http/cors.h"

#include <algorithm>

namespace baton::http {
namespace {

constexpr std::string_view kAny = "*";
constexpr std::string_view kPreflightSeconds = "600";

/// What to allow: "*", the origin itself, or nothing (empty).
std::string_view allowed(std::span<const std::string> origins, std::string_view origin) {
  if (origin.empty()) return {};
  for (const std::string& one : origins) {
    if (one == kAny || equals_ignoring_case(one, origin)) return one == kAny ? kAny : origin;
  }
  return {};
}

}  // namespace

std::vector<Header> cors_headers(std::span<const std::string> origins, const Request& request) {
  if (origins.empty()) return {};
  const std::string_view origin = allowed(origins, request.header("origin"));
  // Caches must keep answers to different origins apart even where one of them gets no permission.
  std::vector<Header> headers;
  if (origin != kAny) headers.push_back({"vary", "origin"});
  if (origin.empty()) return headers;
  headers.push_back({"access-control-allow-origin", std::string(origin)});
  headers.push_back({"access-control-expose-headers", "x-request-id, retry-after, retry-after-ms"});
  return headers;
}

std::optional<Response> cors_preflight(std::span<const std::string> origins, const Request& request) {
  const bool asks = request.method == "OPTIONS" && !request.header("access-control-request-method").empty();
  if (!asks || allowed(origins, request.header("origin")).empty()) return std::nullopt;
  Response response{.status = 204};
  response.headers.push_back({"access-control-allow-methods", "GET, HEAD, POST, OPTIONS"});
  const std::string_view wanted = request.header("access-control-request-headers");
  response.headers.push_back(
      {"access-control-allow-headers", std::string(wanted.empty() ? "authorization, content-type" : wanted)});
  response.headers.push_back({"access-control-max-age", std::string(kPreflightSeconds)});
  return response;
}

}  // namespace baton::http
