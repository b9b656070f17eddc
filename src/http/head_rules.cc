#include "http/head_rules.h"

#include <algorithm>

#include "http/message.h"

namespace baton::http {
namespace {

namespace beast_http = boost::beast::http;

bool is_visible_ascii(char c) {
  return c > 0x20 && c < 0x7F;
}

Result<void> check_target(std::string_view target, const ParserLimits& limits) {
  if (target.size() > limits.target_bytes) {
    return fail(Errc::uri_too_long,
                "The request target is longer than " + std::to_string(limits.target_bytes) + " bytes.");
  }
  if (!std::ranges::all_of(target, is_visible_ascii)) {
    return fail(Errc::invalid_request, "The request target holds bytes that must be percent-encoded.");
  }
  return {};
}

std::size_t count_of(const BeastHead& head, beast_http::field name) {
  const auto range = head.equal_range(name);
  return static_cast<std::size_t>(std::distance(range.first, range.second));
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<void> check_raw_head(std::string_view head, const ParserLimits& limits) {
  std::size_t lines = 0;
  std::size_t at = head.find("\r\n");
  const std::string_view request_line = head.substr(0, at);
  const std::size_t space = request_line.find(' ');
  if (space == std::string_view::npos) return fail(Errc::invalid_request, "The request line is malformed.");
  const std::string_view rest = request_line.substr(space + 1);
  if (auto ok = check_target(rest.substr(0, rest.find(' ')), limits); !ok) return ok;

  for (at += 2; at < head.size(); at = head.find("\r\n", at) + 2) {
    if (head[at] == ' ' || head[at] == '\t') {
      return fail(Errc::invalid_request, "Folded header lines are not allowed.");
    }
    if (++lines > limits.header_count + 1) {
      return fail(Errc::headers_too_large,
                  "The request has more than " + std::to_string(limits.header_count) + " headers.");
    }
  }
  return {};
}

Result<void> check_parsed_head(const BeastHead& head) {
  const bool http11 = head.version() == 11;
  const std::size_t hosts = count_of(head, beast_http::field::host);
  if (hosts > 1 || (http11 && hosts == 0)) {
    return fail(Errc::invalid_request, "An HTTP/1.1 request needs exactly one Host header.");
  }
  const std::size_t lengths = count_of(head, beast_http::field::content_length);
  if (lengths > 1 || (lengths == 1 && !all_digits(head[beast_http::field::content_length]))) {
    return fail(Errc::invalid_request, "Content-Length must be given once, as digits.");
  }
  const std::size_t codings = count_of(head, beast_http::field::transfer_encoding);
  if (codings == 0) return {};
  const bool chunked = equals_ignoring_case(head[beast_http::field::transfer_encoding], "chunked");
  if (codings != 1 || !chunked || !http11 || lengths != 0) {
    return fail(Errc::invalid_request,
                "Transfer-Encoding must be exactly 'chunked', on HTTP/1.1 and without Content-Length.");
  }
  return {};
}

}  // namespace baton::http
