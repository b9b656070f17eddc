#include "http/request_parser.h"

#include <gtest/gtest.h>

#include <string>

namespace baton::http {
namespace {

/// Feeds `bytes` in pieces of `step`; the parser's verdict.
Result<Request> parse(std::string_view bytes, std::size_t step, ParserLimits limits = {}) {
  RequestParser parser(limits);
  std::string input;
  for (std::size_t at = 0; at < bytes.size() && !parser.done(); at += step) {
    input += bytes.substr(at, step);
    auto used = parser.put(input);
    if (!used) return std::unexpected(used.error());
    input.erase(0, *used);
  }
  if (!parser.done()) return fail(Errc::io, "incomplete");
  return parser.take();
}

Errc verdict(std::string_view bytes, ParserLimits limits = {}) {
  const auto whole = parse(bytes, bytes.size(), limits);
  const auto drops = parse(bytes, 1, limits);
  const Errc code = whole ? Errc::ok : whole.error().code;
  EXPECT_EQ(code, drops ? Errc::ok : drops.error().code) << bytes.substr(0, 200);
  return code;
}

std::string get(std::string_view headers) {
  return "GET / HTTP/1.1\r\nHost: x\r\n" + std::string(headers) + "\r\n";
}

/// Each short, together too much.
std::string many_extensions() {
  std::string chunks;
  for (int i = 0; i < 40; ++i) chunks += "1;" + std::string(500, 'x') + "\r\na\r\n";
  return chunks + "0\r\n\r\n";
}

TEST(RequestParser, reads_a_request_however_it_is_cut) {
  for (std::size_t step : {1, 2, 3, 7, 1000}) {
    const auto request = parse("\r\nPOST /v1/x?a=b?c HTTP/1.1\r\nhOsT: x\r\nX-A:  v \r\nContent-Length: 5\r\n\r\nhello", step);
    ASSERT_TRUE(request) << step;
    EXPECT_EQ(request->method, "POST");
    EXPECT_EQ(request->path, "/v1/x");
    EXPECT_EQ(request->query, "a=b?c");
    EXPECT_EQ(request->header("x-a"), "v");
    EXPECT_EQ(request->header("HOST"), "x");
    EXPECT_EQ(request->header("none"), "");
    EXPECT_EQ(request->body, "hello");
  }
}

TEST(RequestParser, reads_chunked_bodies_with_extensions_and_trailers) {
  for (std::size_t step : {1, 5, 1000}) {
    const auto request = parse(
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: ChUnKeD\r\n\r\n3;a=b\r\nabc\r\n0A\r\n0123456789\r\n0\r\nHost: "
        "evil\r\n\r\n",
        step);
    ASSERT_TRUE(request) << step;
    EXPECT_EQ(request->body, "abc0123456789");
    EXPECT_EQ(request->header("host"), "x");
  }
}

TEST(RequestParser, leaves_the_next_request_alone) {
  RequestParser parser({});
  const std::string first = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab";
  const auto used = parser.put(first + "GET /next HTTP/1.1\r\n");
  ASSERT_TRUE(used);
  EXPECT_EQ(*used, first.size());
  EXPECT_TRUE(parser.done());
}

TEST(RequestParser, accepts_absolute_form_and_odd_but_legal_heads) {
  EXPECT_EQ(parse("GET HTTP://a.b:1/p?q HTTP/1.1\r\nHost: x\r\n\r\n", 1000)->path, "/p");
  EXPECT_EQ(parse("GET http://a.b HTTP/1.1\r\nHost: x\r\n\r\n", 1000)->path, "/");
  EXPECT_EQ(parse("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 1000)->path, "*");
  EXPECT_EQ(verdict("GET / HTTP/1.0\r\n\r\n"), Errc::ok);
  EXPECT_EQ(verdict(get("X: \r\n")), Errc::ok);
  EXPECT_EQ(verdict(get("X: caf\xc3\xa9\t!\r\n")), Errc::ok);
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\nHost:\r\n\r\n"), Errc::ok);
  EXPECT_EQ(verdict("GET / HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n"), Errc::ok);
  EXPECT_EQ(verdict(get("Content-Length: 0\r\n")), Errc::ok);
}

TEST(RequestParser, refuses_what_two_servers_could_read_differently) {
  const std::string refused[] = {
      get("Transfer-Encoding: gzip\r\n"),
      get("Transfer-Encoding: identity\r\n"),
      get("Transfer-Encoding: xchunked\r\n"),
      get("Transfer-Encoding: \"chunked\"\r\n"),
      get("Transfer-Encoding:\r\n"),
      get("Transfer-Encoding: chunked, chunked\r\n"),
      get("Transfer-Encoding: chunked, identity\r\n"),
      get("Transfer-Encoding: gzip, chunked\r\n"),
      get("Transfer-Encoding: gzip\r\nContent-Length: 3\r\n") + "abc",
      get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n",
      get("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n") + "0\r\n\r\n",
      get("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n",
      "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      get("Content-Length: 3\r\nContent-Length: 3\r\n") + "abc",
      get("Content-Length: 3\r\nContent-Length: 4\r\n") + "abcd",
      get("Content-Length: 3, 3\r\n") + "abc",
      get("Content-Length: +3\r\n") + "abc",
      get("Content-Length: 0x3\r\n") + "abc",
      get("Content-Length: 3 3\r\n") + "abc",
      get("Content-Length: -1\r\n"),
      get("Content-Length:\r\n"),
      get("Content-Length: 99999999999999999999\r\n"),
      "GET / HTTP/1.1\r\n\r\n",
      get("Host: y\r\n"),
      "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n",
      "GET http:///p HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET ftp://a/p HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
      "GET /\tx HTTP/1.1\r\nHost: x\r\n\r\n",
      " GET / HTTP/1.1\r\nHost: x\r\n\r\n",
      "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n",
      get("A: b\r\n c\r\n"),
      get("A: b\r\n\tc\r\n"),
      "GET / HTTP/1.1\r\n Host: x\r\n\r\n",
      get("A : b\r\n"),
      get("A\r\n"),
      get(": b\r\n"),
      get("A: b\x01\r\n"),
      get(std::string("A: b\0c\r\n", 8)),
      get("A: b\rc\r\n"),
      get("A: b\x7f\r\n"),
      get("A\t: b\r\n"),
      get("A b: c\r\n"),
      get("A\xc3\xa9: c\r\n"),
      get("Content-Length: 3_0\r\n"),
      get("Content-Length: 18446744073709551616\r\n"),
      get("Transfer-Encoding: chunked\x0b\r\n"),
      "GET / HTTP/1.1\nHost: x\n\n",
      "GET / HTTP/1.1\r\nHost: x\n\r\n",
      "GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET x HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
      "GET / HTTP/1.2\r\nHost: x\r\n\r\n",
      "GET / http/1.1\r\nHost: x\r\n\r\n",
      "GET /\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "G=T / HTTP/1.1\r\nHost: x\r\n\r\n",
      "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
      get("Expect: a-miracle\r\n"),
      get("Transfer-Encoding: chunked\r\n") + "0x3\r\nabc\r\n0\r\n\r\n",
      get("Transfer-Encoding: chunked\r\n") + "-3\r\nabc\r\n0\r\n\r\n",
      get("Transfer-Encoding: chunked\r\n") + "fffffffffffffffff\r\n",
      get("Transfer-Encoding: chunked\r\n") + "3\nabc\r\n0\r\n\r\n",
      get("Transfer-Encoding: chunked\r\n") + "3 \r\nabc\r\n0\r\n\r\n",
      get("Transfer-Encoding: chunked\r\n") + "\r\nabc\r\n0\r\n\r\n",
      get("Transfer-Encoding: chunked\r\n") + "3;a\x01\r\nabc\r\n0\r\n\r\n",
      get("Transfer-Encoding: chunked\r\n") + "0\r\nabc\r\n;a\r\n\r\n",
      get("Transfer-Encoding: chunked\r\n") + "0\r\n A: b\r\n\r\n",
      get("Transfer-Encoding: chunked\r\n") + "0\r\nA: b\n\r\n",
      get("Transfer-Encoding: chunked\r\n") + "0\r\n: b\r\n\r\n",
      get("Transfer-Encoding: chunked\r\n") + "3\r\nabcX\r\n0\r\n\r\n",
      get("Transfer-Encoding: chunked\r\n") + "3;" + std::string(300'000, 'x') + "\r\nabc\r\n0\r\n\r\n",
      get("Transfer-Encoding: chunked\r\n") + many_extensions(),
  };
  for (const std::string& bytes : refused) EXPECT_EQ(verdict(bytes), Errc::invalid_request) << bytes.substr(0, 200);
}

TEST(RequestParser, says_which_limit_was_passed) {
  const ParserLimits limits{.header_bytes = 2000, .target_bytes = 1000, .header_count = 10, .body_bytes = 20};
  EXPECT_EQ(verdict("GET /" + std::string(999, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", limits), Errc::ok);
  EXPECT_EQ(verdict("GET /" + std::string(1000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", limits), Errc::uri_too_long);
  EXPECT_EQ(verdict("GET /" + std::string(100'000, 'a'), limits), Errc::uri_too_long);
  EXPECT_EQ(verdict(get("A: " + std::string(3000, 'a') + "\r\n"), limits), Errc::headers_too_large);
  std::string many;
  for (int i = 0; i < 9; ++i) many += "A: b\r\n";
  EXPECT_EQ(verdict(get(many), limits), Errc::ok);
  EXPECT_EQ(verdict(get(many + "A: b\r\n"), limits), Errc::headers_too_large);
  EXPECT_EQ(verdict(get("Content-Length: 20\r\n") + std::string(20, 'x'), limits), Errc::ok);
  EXPECT_EQ(verdict(get("Content-Length: 21\r\n"), limits), Errc::body_too_large);
  EXPECT_EQ(verdict(get("Transfer-Encoding: chunked\r\n") + "15\r\n" + std::string(21, 'x') + "\r\n0\r\n\r\n", limits),
            Errc::body_too_large);
}

TEST(RequestParser, knows_whether_the_client_waits_and_wants_to_stay) {
  const auto head_of = [](std::string_view bytes) {
    RequestParser parser({});
    EXPECT_TRUE(parser.put(bytes));
    EXPECT_TRUE(parser.head_done());
    return parser.head();
  };
  EXPECT_TRUE(head_of("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n").expects_continue);
  EXPECT_FALSE(head_of("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n").expects_continue);
  EXPECT_TRUE(head_of(get("")).keep_alive);
  EXPECT_FALSE(head_of(get("Connection: close\r\n")).keep_alive);
  EXPECT_FALSE(head_of(get("Connection: keep-alive, Close\r\n")).keep_alive);
  EXPECT_FALSE(head_of(get("Connection: x\r\nConnection: close\r\n")).keep_alive);
  EXPECT_FALSE(head_of("GET / HTTP/1.0\r\n\r\n").keep_alive);
  EXPECT_TRUE(head_of("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
}

TEST(RequestParser, sets_no_memory_aside_for_a_body_that_is_only_announced) {
  RequestParser parser({.body_bytes = 1ULL << 60});
  ASSERT_TRUE(parser.put("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000000000\r\n\r\n"));
  EXPECT_TRUE(parser.head_done());
  EXPECT_FALSE(parser.done());
  ASSERT_TRUE(parser.put("abc"));
  EXPECT_EQ(parser.body_bytes(), 3U);
}

TEST(PercentDecode, keeps_what_is_no_escape) {
  EXPECT_EQ(percent_decode("a%2Fb%2fc%zz%2"), "a/b/c%zz%2");
  EXPECT_EQ(percent_decode("%+1%41%4"), "%+1A%4");
}

}  // namespace
}  // namespace baton::http
