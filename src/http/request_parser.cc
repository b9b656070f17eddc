#include "http/request_parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string>
#include <utility>

#include "http/chunk_decoder.h"
#include "http/head_rules.h"

namespace baton::http {

namespace beast_http = boost::beast::http;
using boost::system::error_code;

namespace {

std::unexpected<Error> parse_failure(const error_code& error, const ParserLimits& limits) {
  if (error == beast_http::error::body_limit) {
    return fail(Errc::body_too_large,
                "The request body is larger than " + std::to_string(limits.body_bytes) + " bytes.");
  }
  if (error == beast_http::error::header_limit) {
    return fail(Errc::headers_too_large,
                "The request head is larger than " + std::to_string(limits.header_bytes) + " bytes.");
  }
  return fail(Errc::invalid_request, "Malformed HTTP request: " + error.message() + ".");
}

/// "http://host/path" (absolute form) becomes "/path".
std::string_view origin_form(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() < scheme.size() || !equals_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    const std::size_t slash = target.find('/', scheme.size());
    return slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  return target;
}

}  // namespace

struct RequestParser::State {
  explicit State(ParserLimits l) : limits(l), chunks(l.body_bytes) {
    // The raw head is bounded here, before the parser sees it, so its own limit only has to be no smaller.
    parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes + 4));
    parser.body_limit(limits.body_bytes);
  }
  ParserLimits limits;
  std::string head;
  bool skipped_empty_line = false;
  beast_http::request_parser<beast_http::string_body> parser;
  ChunkDecoder chunks;  ///< Beast 1.81's own asserts on, and reads differently, what arrives in small pieces
  bool chunked = false;
  Request request;

  bool done() const { return chunked ? chunks.done() : parser.is_done(); }

  Result<std::size_t> put_head(std::string_view bytes);
  Result<void> finish_head();
  Result<std::size_t> put_body(std::string_view bytes);
  Result<void> check_growing_head() const;
};

/// Takes bytes up to the end of the head, line by line, so that a bare LF is seen at once.
Result<std::size_t> RequestParser::State::put_head(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size()) {
    const std::size_t newline = bytes.find('\n', used);
    const std::size_t end = newline == std::string_view::npos ? bytes.size() : newline + 1;
    head.append(bytes.substr(used, end - used));
    used = end;
    if (auto ok = check_growing_head(); !ok) return std::unexpected(std::move(ok.error()));
    if (newline == std::string_view::npos) return used;
    if (head.size() < 2 || head[head.size() - 2] != '\r') {
      return fail(Errc::invalid_request, "Header lines must end with CRLF.");
    }
    if (head == "\r\n" && !std::exchange(skipped_empty_line, true)) {
      head.clear();
    } else if (head.ends_with("\r\n\r\n")) {
      if (auto ok = finish_head(); !ok) return std::unexpected(std::move(ok.error()));
      return used;
    }
  }
  return used;
}

Result<void> RequestParser::State::check_growing_head() const {
  if (head.size() <= limits.target_bytes + 32) return {};
  if (head.find('\n') >= limits.target_bytes + 32) {
    return fail(Errc::uri_too_long,
                "The request target is longer than " + std::to_string(limits.target_bytes) + " bytes.");
  }
  if (head.size() > limits.header_bytes) return parse_failure(beast_http::error::header_limit, limits);
  return {};
}

Result<void> RequestParser::State::finish_head() {
  if (auto ok = check_raw_head(head, limits); !ok) return ok;
  error_code error;
  parser.put(boost::asio::buffer(head), error);
  if (error && error != beast_http::error::need_more) return parse_failure(error, limits);
  if (!parser.is_header_done()) return fail(Errc::invalid_request, "Malformed HTTP request head.");
  const auto& message = parser.get();
  if (auto ok = check_parsed_head(message); !ok) return ok;
  chunked = message.count(beast_http::field::transfer_encoding) != 0;

  request.method = message.method_string();
  const std::string_view target = origin_form(message.target());
  const bool asterisk = target == "*" && request.method == "OPTIONS";
  if (!target.starts_with('/') && !asterisk) {
    return fail(Errc::invalid_request, "The request target must be a path that starts with '/'.");
  }
  const std::size_t question = target.find('?');
  request.path = target.substr(0, question);
  if (question != std::string_view::npos) request.query = target.substr(question + 1);
  for (const auto& field : message) request.headers.emplace_back(field.name_string(), field.value());
  const std::string_view expect = request.header("expect");
  if (!expect.empty() && !equals_ignoring_case(expect, "100-continue")) {
    return fail(Errc::invalid_request, "The only supported Expect header is '100-continue'.");
  }
  head = {};
  return {};
}

Result<std::size_t> RequestParser::State::put_body(std::string_view bytes) {
  if (chunked) return chunks.put(bytes);
  std::size_t used = 0;
  while (!parser.is_done() && used < bytes.size()) {
    error_code error;
    const std::size_t taken = parser.put(boost::asio::buffer(bytes.data() + used, bytes.size() - used), error);
    used += taken;
    if (error && error != beast_http::error::need_more) return parse_failure(error, limits);
    if (taken == 0) break;
  }
  return used;
}

RequestParser::RequestParser(ParserLimits limits) : state_(std::make_unique<State>(limits)) {}
RequestParser::~RequestParser() = default;
RequestParser::RequestParser(RequestParser&&) noexcept = default;
RequestParser& RequestParser::operator=(RequestParser&&) noexcept = default;

Result<std::size_t> RequestParser::put(std::string_view bytes) {
  std::size_t used = 0;
  if (!head_done()) {
    auto taken = state_->put_head(bytes);
    if (!taken || !head_done()) return taken;
    used = *taken;
  }
  if (done()) return used;
  auto taken = state_->put_body(bytes.substr(used));
  if (!taken) return taken;
  return used + *taken;
}

bool RequestParser::started() const {
  return head_done() || !state_->head.empty();
}
bool RequestParser::head_done() const {
  return state_->parser.is_header_done();
}
bool RequestParser::done() const {
  return head_done() && state_->done();
}
bool RequestParser::keep_alive() const {
  return state_->parser.get().keep_alive();
}
bool RequestParser::http10() const {
  return state_->parser.get().version() < 11;
}
bool RequestParser::is_head() const {
  return state_->request.method == "HEAD";
}

bool RequestParser::expects_continue() const {
  return !http10() && equals_ignoring_case(state_->request.header("expect"), "100-continue");
}

Request RequestParser::take() {
  state_->request.body = std::move(state_->chunked ? state_->chunks.body() : state_->parser.get().body());
  return std::move(state_->request);
}

}  // namespace baton::http
