#include "http/exchange.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <charconv>
#include <ctime>
#include <utility>

#include "core/check.h"
#include "http/connection.h"

namespace baton::http {

namespace asio = aio::asio;

namespace {

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 40> text;
  const std::size_t length = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return {text.data(), length};
}

void append_header(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ").append(value).append("\r\n");
}

/// `size` in hexadecimal and CRLF.
std::string chunk_header(std::size_t size) {
  std::array<char, 20> text;
  char* end = std::to_chars(text.begin(), text.end(), size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  return {text.data(), end};
}

}  // namespace

/// Status line and headers, without the framing headers and the empty line.
std::string Connection::response_head(int status, std::span<const Header> headers) const {
  std::string head;
  head.reserve(512);
  head.append(x_http10 ? "HTTP/1.0 " : "HTTP/1.1 ").append(std::to_string(status)).append(" ");
  head.append(reason_phrase(status)).append("\r\n");
  append_header(head, "date", http_date());
  for (const Header& header : headers) append_header(head, header.name, header.value);
  const bool keep = x_keep_alive && x_keep_alive_allowed;
  if (!keep) append_header(head, "connection", "close");
  if (keep && x_http10) append_header(head, "connection", "keep-alive");
  return head;
}

Exchange::Exchange(Connection& connection, Request request)
    : x_connection(connection), x_request(std::move(request)) {}

aio::Task<void> Exchange::send(Response response) {
  BATON_CHECK(x_stage == Stage::unanswered);
  x_stage = Stage::answered;
  std::string head = x_connection.response_head(response.status, response.headers);
  if (!response.body.empty()) append_header(head, "content-type", response.content_type);
  append_header(head, "content-length", std::to_string(response.body.size()));
  head += "\r\n";
  const std::string_view body = x_connection.x_is_head ? std::string_view{} : std::string_view(response.body);
  const std::array<asio::const_buffer, 2> buffers{asio::buffer(head), asio::buffer(body)};
  co_return co_await x_connection.write_all(buffers);
}

void Exchange::begin_stream(int status, std::vector<Header> headers) {
  BATON_CHECK(x_stage == Stage::unanswered);
  x_stage = Stage::streaming;
  if (x_connection.x_http10) x_connection.x_keep_alive = false;  // the end of the stream is the end of the connection
  x_stream_head = x_connection.response_head(status, headers);
  if (!x_connection.x_http10) append_header(x_stream_head, "transfer-encoding", "chunked");
  x_stream_head += "\r\n";
}

aio::Task<void> Exchange::write(std::string_view data) {
  BATON_CHECK(x_stage == Stage::streaming);
  if (data.empty()) co_return Result<void>{};
  const std::string head = std::exchange(x_stream_head, {});
  const bool chunked = !x_connection.x_http10;
  const std::string size = chunked ? chunk_header(data.size()) : std::string();
  const std::array<asio::const_buffer, 4> buffers{asio::buffer(head), asio::buffer(size), asio::buffer(data),
                                                  asio::buffer("\r\n", chunked ? 2 : 0)};
  co_return co_await x_connection.write_all(buffers);
}

aio::Task<void> Exchange::finish(std::string_view last) {
  BATON_CHECK(x_stage == Stage::streaming);
  x_stage = Stage::answered;
  const std::string head = std::exchange(x_stream_head, {});
  const bool chunked = !x_connection.x_http10;
  const std::string size = chunked && !last.empty() ? chunk_header(last.size()) : std::string();
  const std::string_view end = !chunked ? "" : last.empty() ? "0\r\n\r\n" : "\r\n0\r\n\r\n";
  const std::array<asio::const_buffer, 4> buffers{asio::buffer(head), asio::buffer(size), asio::buffer(last),
                                                  asio::buffer(end)};
  co_return co_await x_connection.write_all(buffers);
}

void Exchange::on_disconnect(std::function<void()> gone) {
  if (gone && (x_connection.x_gone || !x_connection.x_open)) return gone();
  x_connection.x_on_gone = std::move(gone);
  if (!x_connection.x_on_gone) return;
  x_connection.watch_for_disconnect();
}

bool Exchange::disconnected() const { return x_connection.x_gone; }

}  // namespace baton::http
