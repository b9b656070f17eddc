#include "http/server.h"

#include "unit/http/server_fixture.h"

namespace baton::http {
namespace {

using test::RawClient;

aio::asio::awaitable<void> echo(Exchange& exchange) {
  const Request& request = exchange.request();
  Response response{.content_type = "text/plain", .body = request.method + " " + request.path + " " + request.body};
  (void)co_await exchange.send(std::move(response));
}

aio::asio::awaitable<void> three_pieces(Exchange& exchange) {
  std::vector<Header> headers{{"content-type", "text/event-stream"}};
  exchange.begin_stream(200, std::move(headers));
  (void)co_await exchange.write("data: 1\n\n");
  (void)co_await exchange.write("data: 2\n\n");
  (void)co_await exchange.finish("data: [DONE]\n\n");
}

TEST_F(ServerTest, answers_requests_one_after_another_on_one_connection) {
  start(echo);
  RawClient client(port);
  for (int i = 0; i < 3; ++i) {
    const auto response = client.exchange("POST", "/a", "body" + std::to_string(i));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "POST /a body" + std::to_string(i));
    EXPECT_FALSE(response.headers.contains("connection"));
    EXPECT_TRUE(response.headers.contains("date"));
  }
}

TEST_F(ServerTest, answers_pipelined_requests_in_order) {
  start(echo);
  RawClient client(port);
  std::string all;
  for (int i = 0; i < 50; ++i) all += RawClient::request("POST", "/" + std::to_string(i), "b");
  client.send(all);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(client.read_response().body, "POST /" + std::to_string(i) + " b");
}

TEST_F(ServerTest, gives_the_head_without_the_body_to_HEAD) {
  start(echo);
  RawClient client(port);
  const auto response = client.exchange("HEAD", "/x");
  EXPECT_EQ(response.headers.at("content-length"), "8");
  EXPECT_EQ(client.exchange("GET", "/y").body, "GET /y ");
}

TEST_F(ServerTest, closes_after_an_http_1_0_request_unless_asked_to_stay) {
  start(echo);
  RawClient client(port);
  client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(client.read_response().headers["connection"], "keep-alive");
  client.send("GET /b HTTP/1.0\r\n\r\n");
  const auto response = client.read_response();
  EXPECT_EQ(response.headers.at("connection"), "close");
  EXPECT_EQ(response.body, "GET /b ");
  EXPECT_TRUE(client.ends());
}

TEST_F(ServerTest, closes_when_the_client_asks_for_it) {
  start(echo);
  RawClient client(port);
  EXPECT_EQ(client.exchange("GET", "/", "", "Connection: close\r\n").headers["connection"], "close");
  EXPECT_TRUE(client.ends());
}

TEST_F(ServerTest, streams_chunks_and_keeps_the_connection) {
  start(three_pieces);
  RawClient client(port);
  for (int i = 0; i < 2; ++i) {
    const auto response = client.exchange("GET", "/");
    EXPECT_EQ(response.headers.at("transfer-encoding"), "chunked");
    EXPECT_EQ(response.chunks, 3);
    EXPECT_EQ(response.body, "data: 1\n\ndata: 2\n\ndata: [DONE]\n\n");
  }
}

TEST_F(ServerTest, streams_to_the_end_of_the_connection_on_http_1_0) {
  start(three_pieces);
  RawClient client(port);
  client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const auto response = client.read_response();
  EXPECT_FALSE(response.headers.contains("transfer-encoding"));
  EXPECT_EQ(response.headers.at("connection"), "close");
  EXPECT_EQ(response.body, "data: 1\n\ndata: 2\n\ndata: [DONE]\n\n");
}

TEST_F(ServerTest, answers_a_half_closed_client_whose_request_is_complete) {
  start(echo);
  RawClient client(port);
  client.send(RawClient::request("GET", "/"));
  client.half_close();
  EXPECT_EQ(client.read_response().body, "GET / ");
}

TEST_F(ServerTest, refuses_a_bad_request_and_never_reads_on) {
  start(echo);
  RawClient client(port);
  client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto response = client.read_response();
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.headers.at("connection"), "close");
  client.half_close();
  EXPECT_TRUE(client.ends());
}

TEST_F(ServerTest, refuses_a_large_body_from_its_length_alone) {
  start(echo, {.limits = {.body_bytes = 1000}});
  RawClient waiting(port);
  waiting.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(waiting.read_response().status, 413);
  RawClient pushing(port);
  pushing.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n" + std::string(10'000'000, 'x'));
  EXPECT_EQ(pushing.read_response().status, 413);
}

TEST_F(ServerTest, tells_a_waiting_client_to_continue) {
  start(echo);
  RawClient client(port);
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ab");
  EXPECT_EQ(client.read_response().body, "POST / ab");
}

TEST_F(ServerTest, answers_431_and_414) {
  start(echo);
  RawClient head(port);
  EXPECT_EQ(head.exchange("GET", "/", "", "A: " + std::string(70'000, 'x') + "\r\n").status, 431);
  RawClient target(port);
  EXPECT_EQ(target.exchange("GET", "/" + std::string(9'000, 'x')).status, 414);
}

TEST_F(ServerTest, drops_a_client_that_never_finishes_its_head_or_body) {
  start(echo, {.header_timeout = std::chrono::milliseconds(30), .body_timeout = std::chrono::milliseconds(30)});
  RawClient head(port);
  head.send("GET / HT");
  EXPECT_EQ(head.read_response().status, 408);
  RawClient body(port);
  body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
  EXPECT_EQ(body.read_response().status, 408);
}

TEST_F(ServerTest, closes_idle_connections_silently) {
  start(echo, {.idle_timeout = std::chrono::milliseconds(30)});
  RawClient fresh(port);
  EXPECT_TRUE(fresh.ends());
  RawClient used(port);
  EXPECT_EQ(used.exchange("GET", "/").status, 200);
  EXPECT_TRUE(used.ends());
}

TEST_F(ServerTest, tells_the_handler_that_its_client_left) {
  std::binary_semaphore waiting{0};
  std::binary_semaphore left{0};
  start([&](Exchange& exchange) -> aio::asio::awaitable<void> {
    aio::asio::steady_timer gone(io, kNever);
    exchange.on_disconnect([&] { gone.cancel(); });
    waiting.release();
    auto [error] = co_await gone.async_wait(aio::kNoThrow);
    EXPECT_TRUE(error);
    EXPECT_TRUE(exchange.disconnected());
    Response response;  // a client that only closed its sending side could still read this
    (void)co_await exchange.send(std::move(response));
    left.release();
  });
  RawClient client(port);
  client.send(RawClient::request("GET", "/"));
  waiting.acquire();
  client.close();
  left.acquire();
}

TEST_F(ServerTest, watches_for_disconnects_behind_pipelined_bytes) {
  std::binary_semaphore left{0};
  start([&](Exchange& exchange) -> aio::asio::awaitable<void> {
    aio::asio::steady_timer gone(io, kNever);
    exchange.on_disconnect([&] { gone.cancel(); });
    auto [error] = co_await gone.async_wait(aio::kNoThrow);
    (void)error;
    left.release();
  });
  RawClient client(port);
  client.send(RawClient::request("GET", "/1") + RawClient::request("GET", "/2"));
  client.close();
  left.acquire();
}

TEST_F(ServerTest, gives_up_on_a_client_that_does_not_read) {
  std::binary_semaphore timed_out{0};
  start(
      [&](Exchange& exchange) -> aio::asio::awaitable<void> {
        const std::string piece(1 << 20, 'x');
        exchange.begin_stream(200, {});
        while (true) {
          const auto sent = co_await exchange.write(piece);
          if (sent) continue;
          EXPECT_EQ(sent.error().code, Errc::timeout);
          break;
        }
        timed_out.release();
      },
      {.write_timeout = std::chrono::milliseconds(50)});
  RawClient client(port, 4096);
  client.send(RawClient::request("GET", "/"));
  timed_out.acquire();
}

TEST_F(ServerTest, turns_away_connections_beyond_its_limit_with_an_answer) {
  start(echo, {.connections = 1});
  RawClient first(port);
  EXPECT_EQ(first.exchange("GET", "/").status, 200);
  RawClient second(port);
  EXPECT_EQ(second.read_response().status, 503);
}

TEST_F(ServerTest, answers_500_for_a_handler_that_forgot) {
  start([](Exchange&) -> aio::asio::awaitable<void> { co_return; });
  RawClient client(port);
  EXPECT_EQ(client.exchange("GET", "/").status, 500);
}

TEST_F(ServerTest, stops_accepting_but_finishes_the_running_answer) {
  std::binary_semaphore running{0};
  std::binary_semaphore go_on{0};
  start([&](Exchange& exchange) -> aio::asio::awaitable<void> {
    if (exchange.request().path == "/slow") {
      running.release();
      aio::asio::steady_timer pause(io);
      while (!go_on.try_acquire()) {
        pause.expires_after(std::chrono::milliseconds(1));
        auto [error] = co_await pause.async_wait(aio::kNoThrow);
        (void)error;
      }
    }
    Response response{.body = "ok"};
    (void)co_await exchange.send(std::move(response));
  });
  RawClient idle(port);
  EXPECT_EQ(idle.exchange("GET", "/").status, 200);
  RawClient busy(port);
  busy.send(RawClient::request("GET", "/slow"));
  running.acquire();
  on_loop([&] { server->stop_accepting(); });
  EXPECT_TRUE(idle.ends());
  EXPECT_FALSE(RawClient(port).connected());
  go_on.release();
  const auto response = busy.read_response();
  EXPECT_EQ(response.body, "ok");
  EXPECT_EQ(response.headers.at("connection"), "close");
}

TEST_F(ServerTest, stop_cuts_whoever_is_left) {
  std::binary_semaphore running{0};
  start([&](Exchange& exchange) -> aio::asio::awaitable<void> {
    aio::asio::steady_timer gone(io, kNever);
    exchange.on_disconnect([&] { gone.cancel(); });
    running.release();
    auto [error] = co_await gone.async_wait(aio::kNoThrow);
    (void)error;
  });
  RawClient client(port);
  client.send(RawClient::request("GET", "/"));
  running.acquire();
  stop();
  EXPECT_TRUE(client.ends());
}

}  // namespace
}  // namespace baton::http
