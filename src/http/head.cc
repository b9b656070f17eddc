#include "http/head.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace baton::http {
namespace {

using CharTable = std::array<bool, 256>;

/// `alphanumeric` letters and digits, and `more`.
constexpr CharTable letters_digits_and(std::string_view more) {
  CharTable table{};
  for (unsigned char c = '0'; c <= '9'; ++c) table[c] = true;
  for (unsigned char c = 'a'; c <= 'z'; ++c) table[c] = true;
  for (unsigned char c = 'A'; c <= 'Z'; ++c) table[c] = true;
  for (const char c : more) table[static_cast<unsigned char>(c)] = true;
  return table;
}

constexpr CharTable field_text() {
  CharTable table{};
  for (std::size_t c = 0x20; c < table.size(); ++c) table[c] = c != 0x7F;
  table['\t'] = true;
  return table;
}

constexpr CharTable kToken = letters_digits_and("!#$%&'*+-.^_`|~");
constexpr CharTable kHost = letters_digits_and("-._~%!$&'()*+,;=:[]");
constexpr CharTable kFieldText = field_text();

bool all_in(const CharTable& table, std::string_view text) {
  return std::ranges::all_of(text, [&](char c) { return table[static_cast<unsigned char>(c)]; });
}

bool is_visible_ascii(char c) {
  return c > 0x20 && c < 0x7F;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::unexpected<Error> malformed(std::string_view what) {
  return fail(Errc::invalid_request, "Malformed HTTP request: " + std::string(what) + ".");
}

/// The front of `text` up to `mark`, which is dropped, too.
std::string_view take_to(std::string_view& text, std::string_view mark) {
  const std::size_t at = text.find(mark);
  const std::string_view front = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + mark.size());
  return front;
}

/// "http://host/path" (absolute form) becomes "/path"; empty if the host is missing.
std::string_view origin_form(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() < scheme.size() || !equals_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    const std::string_view rest = target.substr(scheme.size());
    const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
    if (end == 0) return {};
    return end == rest.size() ? std::string_view("/") : rest.substr(end);
  }
  return target;
}

Result<void> read_target(std::string_view target, Request& request) {
  if (!std::ranges::all_of(target, is_visible_ascii)) {
    return fail(Errc::invalid_request, "The request target holds bytes that must be percent-encoded.");
  }
  const std::string_view origin = origin_form(target);
  const bool asterisk = origin == "*" && request.method == "OPTIONS";
  if (!origin.starts_with('/') && !asterisk) {
    return fail(Errc::invalid_request, "The request target must be a path that starts with '/'.");
  }
  const std::size_t question = origin.find('?');
  request.path = origin.substr(0, question);
  if (question != std::string_view::npos) request.query = origin.substr(question + 1);
  return {};
}

Result<void> read_request_line(std::string_view line, Head& head) {
  const std::string_view method = take_to(line, " ");
  const std::string_view target = take_to(line, " ");
  if (!is_token(method)) return malformed("the method is no token");
  if (line != "HTTP/1.1" && line != "HTTP/1.0") return malformed("the request line does not end with HTTP/1.1 or HTTP/1.0");
  head.request.method = method;
  head.http10 = line.back() == '0';
  return read_target(target, head.request);
}

Result<void> read_header_line(std::string_view line, Request& request) {
  if (is_blank(line.front())) return fail(Errc::invalid_request, "Folded header lines are not allowed.");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return malformed("a header line has no colon");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (!is_token(name)) return malformed("a header name is no token");
  if (!is_field_text(value)) return malformed("a header value holds control characters");
  request.headers.push_back({std::string(name), std::string(value)});
  return {};
}

/// What framing and routing depend on, gathered in one pass.
struct Framing {
  int hosts = 0, lengths = 0, codings = 0;
  std::string_view host, length, coding, expect;
  bool close = false, keep_alive = false;
};

void read_connection_options(std::string_view value, Framing& framing) {
  while (!value.empty()) {
    const std::string_view option = trimmed(take_to(value, ","));
    framing.close |= equals_ignoring_case(option, "close");
    framing.keep_alive |= equals_ignoring_case(option, "keep-alive");
  }
}

Framing framing_of(const std::vector<Header>& headers) {
  Framing framing;
  for (const auto& [name, value] : headers) {
    if (equals_ignoring_case(name, "host")) {
      ++framing.hosts;
      framing.host = value;
    } else if (equals_ignoring_case(name, "content-length")) {
      ++framing.lengths;
      framing.length = value;
    } else if (equals_ignoring_case(name, "transfer-encoding")) {
      ++framing.codings;
      framing.coding = value;
    } else if (equals_ignoring_case(name, "connection")) {
      read_connection_options(value, framing);
    } else if (equals_ignoring_case(name, "expect")) {
      framing.expect = value;
    }
  }
  return framing;
}

Result<void> read_length(const Framing& framing, Head& head) {
  if (framing.lengths == 0) return {};
  std::uint64_t length = 0;
  const char* end = framing.length.data() + framing.length.size();
  const bool digits = !framing.length.empty() && framing.length.front() != '-';
  const auto [stop, error] = std::from_chars(framing.length.data(), end, length);
  if (framing.lengths > 1 || !digits || stop != end || error != std::errc{}) {
    return fail(Errc::invalid_request, "Content-Length must be given once, as digits.");
  }
  head.content_length = length;
  return {};
}

Result<void> apply(const Framing& framing, Head& head) {
  if (framing.hosts > 1 || (!head.http10 && framing.hosts == 0)) {
    return fail(Errc::invalid_request, "An HTTP/1.1 request needs exactly one Host header.");
  }
  if (!all_in(kHost, framing.host)) return fail(Errc::invalid_request, "The Host header is malformed.");
  if (auto ok = read_length(framing, head); !ok) return ok;
  head.chunked = framing.codings != 0;
  if (head.chunked && (framing.codings != 1 || framing.lengths != 0 || head.http10 ||
                       !equals_ignoring_case(framing.coding, "chunked"))) {
    return fail(Errc::invalid_request,
                "Transfer-Encoding must be exactly 'chunked', on HTTP/1.1 and without Content-Length.");
  }
  head.keep_alive = !framing.close && (!head.http10 || framing.keep_alive);
  if (framing.expect.empty()) return {};
  if (!equals_ignoring_case(framing.expect, "100-continue")) {
    return fail(Errc::invalid_request, "The only supported Expect header is '100-continue'.");
  }
  head.expects_continue = !head.http10;
  return {};
}

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && all_in(kToken, text);
}

bool is_field_text(std::string_view text) {
  return all_in(kFieldText, text);
}

Result<Head> parse_head(std::string_view bytes) {
  Head head;
  if (auto ok = read_request_line(take_to(bytes, "\r\n"), head); !ok) return std::unexpected(std::move(ok.error()));
  head.request.headers.reserve(16);
  while (true) {
    const std::string_view line = take_to(bytes, "\r\n");
    if (line.empty()) break;
    if (auto ok = read_header_line(line, head.request); !ok) return std::unexpected(std::move(ok.error()));
  }
  const Framing framing = framing_of(head.request.headers);
  if (auto ok = apply(framing, head); !ok) return std::unexpected(std::move(ok.error()));
  return head;
}

}  // namespace baton::http
