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

/// The date header's value; made anew once a second.
std::string_view http_date() {
  struct Cache {
    std::time_t second = 0;
    std::array<char, 40> text{};
    std::size_t length = 0;
  };
  thread_local Cache cache;
  const std::time_t now = std::time(nullptr);
  if (now != cache.second) {
    std::tm utc{};
    gmtime_r(&now, &utc);
    cache.length = std::strftime(cache.text.data(), cache.text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
    cache.second = now;
  }
  return {cache.text.data(), cache.length};
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
  head.append(http10_ ? "HTTP/1.0 " : "HTTP/1.1 ").append(std::to_string(status)).append(" ");
  head.append(reason_phrase(status)).append("\r\n");
  append_header(head, "date", http_date());
  for (const Header& header : headers) append_header(head, header.name, header.value);
  for (const Header& header : cors_) append_header(head, header.name, header.value);
  const bool keep = keep_alive_ && keep_alive_allowed_;
  if (!keep) append_header(head, "connection", "close");
  if (keep && http10_) append_header(head, "connection", "keep-alive");
  return head;
}

Exchange::Exchange(Connection& connection, Request request) : connection_(connection), request_(std::move(request)) {}

aio::Task<void> Exchange::send(Response response) {
  BATON_CHECK(stage_ == Stage::unanswered);
  stage_ = Stage::answered;
  std::string head = connection_.response_head(response.status, response.headers);
  if (!response.body.empty()) append_header(head, "content-type", response.content_type);
  if (response.status != 204) append_header(head, "content-length", std::to_string(response.body.size()));
  head += "\r\n";
  const std::string_view body = connection_.is_head_ ? std::string_view{} : std::string_view(response.body);
  std::array<asio::const_buffer, 2> buffers{asio::buffer(head), asio::buffer(body)};
  co_return co_await connection_.write_all(buffers);
}

void Exchange::begin_stream(int status, std::vector<Header> headers) {
  BATON_CHECK(stage_ == Stage::unanswered);
  stage_ = Stage::streaming;
  if (connection_.http10_) connection_.keep_alive_ = false;  // the end of the stream is the end of the connection
  stream_head_ = connection_.response_head(status, headers);
  if (!connection_.http10_) append_header(stream_head_, "transfer-encoding", "chunked");
  stream_head_ += "\r\n";
}

aio::Task<void> Exchange::write(std::string_view data) {
  BATON_CHECK(stage_ == Stage::streaming);
  if (data.empty()) co_return Result<void>{};
  const std::string head = std::exchange(stream_head_, {});
  const bool chunked = !connection_.http10_;
  const std::string size = chunked ? chunk_header(data.size()) : std::string();
  std::array<asio::const_buffer, 4> buffers{asio::buffer(head), asio::buffer(size), asio::buffer(data),
                                                  asio::buffer("\r\n", chunked ? 2 : 0)};
  co_return co_await connection_.write_all(buffers);
}

aio::Task<void> Exchange::finish(std::string_view last) {
  BATON_CHECK(stage_ == Stage::streaming);
  stage_ = Stage::answered;
  const std::string head = std::exchange(stream_head_, {});
  const bool chunked = !connection_.http10_;
  const std::string size = chunked && !last.empty() ? chunk_header(last.size()) : std::string();
  const std::string_view end = !chunked ? "" : last.empty() ? "0\r\n\r\n" : "\r\n0\r\n\r\n";
  std::array<asio::const_buffer, 4> buffers{asio::buffer(head), asio::buffer(size), asio::buffer(last),
                                                  asio::buffer(end)};
  co_return co_await connection_.write_all(buffers);
}

void Exchange::on_disconnect(std::function<void()> gone) {
  if (gone && (connection_.gone_ || !connection_.open_)) return gone();
  connection_.on_gone_ = std::move(gone);
  if (!connection_.on_gone_) return;
  connection_.watch_for_disconnect();
}

bool Exchange::disconnected() const {
  return connection_.gone_;
}

}  // namespace baton::http
