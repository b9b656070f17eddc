#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace baton::test {

struct HttpResponse {
  int status = 0;                              ///< 0: no answer (connection refused, cut or timed out before a head)
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;                            ///< chunks joined
  bool complete = false;  ///< the body ended as HTTP wants it (length or final chunk), not by a cut
};

struct HttpRequest {
  std::uint16_t port = 0;
  std::string method = "GET";
  std::string target = "/";
  std::string body = {};
  std::string headers = {};  ///< further lines, each ending in \r\n
  std::chrono::milliseconds timeout{30'000};
};

/// One blocking request on a fresh connection to 127.0.0.1. `on_data` sees every piece of the body as it arrives and
/// may end the exchange by returning false (the connection is then closed).
HttpResponse http(const HttpRequest& request, const std::function<bool(std::string_view)>& on_data = {});

/// POST of a JSON body.
HttpResponse post(std::uint16_t port, std::string target, std::string body,
                  const std::function<bool(std::string_view)>& on_data = {});

}  // namespace baton::test
