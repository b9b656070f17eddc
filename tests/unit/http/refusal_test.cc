// What a server does with clients that break the protocol, its limits or their promises: the answer, and that nothing
// they sent after it counts as a request.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>

#include "unit/http/server_fixture.h"

namespace baton::http {
namespace {

using test::RawClient;
using namespace std::chrono_literals;

class RefusalTest : public ServerTest {
 protected:
  /// A server that answers "PATH BODY" and remembers the paths it was asked for.
  void start_recording(ServerOptions options = {}) {
    options.on_own_answer = [this](int status) { own_answers_.push_back(status); };
    start(
        [this](Exchange& exchange) -> aio::asio::awaitable<void> {
          paths_.push_back(exchange.request().path);
          Response response{.content_type = "text/plain", .body = exchange.request().body};
          (void)co_await exchange.send(std::move(response));
        },
        std::move(options));
  }
  std::vector<std::string> paths() {
    std::vector<std::string> copy;
    on_loop([&] { copy = paths_; });
    return copy;
  }
  std::vector<int> own_answers() {
    std::vector<int> copy;
    on_loop([&] { copy = own_answers_; });
    return copy;
  }

 private:
  std::vector<std::string> paths_;
  std::vector<int> own_answers_;
};

struct Row {
  const char* what;
  std::string bytes;
  int status;
};

std::string post(std::string_view headers, std::string_view rest = {}) {
  return "POST /first HTTP/1.1\r\nHost: x\r\n" + std::string(headers) + "\r\n" + std::string(rest);
}

std::vector<Row> refused() {
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  return {
      {"TE and CL", post(chunked + "Content-Length: 5\r\n", "0\r\n\r\n"), 400},
      {"CL and TE", post("Content-Length: 5\r\n" + chunked, "0\r\n\r\n"), 400},
      {"differing CLs", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), 400},
      {"equal CLs", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400},
      {"list of CLs", post("Content-Length: 5, 5\r\n", "hello"), 400},
      {"signed CL", post("Content-Length: +5\r\n", "hello"), 400},
      {"hexadecimal CL", post("Content-Length: 0x5\r\n", "hello"), 400},
      {"CL with a space", post("Content-Length: 1 0\r\n", "hello"), 400},
      {"CL with an underscore", post("Content-Length: 1_0\r\n", "hello"), 400},
      {"CL too large for 64 bits", post("Content-Length: 99999999999999999999999\r\n", "hello"), 400},
      {"TE gzip", post("Transfer-Encoding: gzip\r\n"), 400},
      {"TE identity", post("Transfer-Encoding: identity\r\n"), 400},
      {"TE xchunked", post("Transfer-Encoding: xchunked\r\n"), 400},
      {"TE quoted", post("Transfer-Encoding: \"chunked\"\r\n"), 400},
      {"TE empty", post("Transfer-Encoding:\r\n"), 400},
      {"TE twice in one line", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 400},
      {"TE in two lines", post(chunked + chunked, "0\r\n\r\n"), 400},
      {"TE chunked, identity", post("Transfer-Encoding: chunked, identity\r\n"), 400},
      {"TE with a control character", post("Transfer-Encoding: \x0b chunked\r\n"), 400},
      {"TE gzip and CL", post("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", "hello"), 400},
      {"TE on HTTP/1.0", "POST /first HTTP/1.0\r\nHost: x\r\n" + chunked + "\r\n0\r\n\r\n", 400},
      {"space before the colon", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), 400},
      {"NUL in a value", post(std::string("A: b\0c\r\n", 8)), 400},
      {"CR in a value", post("A: b\rc\r\n"), 400},
      {"control character in a value", post("A: b\x01\r\n"), 400},
      {"bad name", post("A(b): c\r\n"), 400},
      {"no Host", "POST /first HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", post("Host: y\r\n"), 400},
      {"folded line", post("A: b\r\n c\r\n"), 400},
      {"leading space in the first line", "POST /first HTTP/1.1\r\n Host: x\r\n\r\n", 400},
      {"bare LF in the head", "POST /first HTTP/1.1\nHost: x\n\n", 400},
      {"non-ASCII target", "GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"space in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"two empty lines first", "\r\n\r\nGET /first HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"HTTP/0.9", "GET /first\r\n", 400},
      {"HTTP/1.2", "GET /first HTTP/1.2\r\nHost: x\r\n\r\n", 400},
      {"TLS hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x0a\x0a", 13), 400},
      {"chunk size overflow", post(chunked, "ffffffffffffffffff\r\n"), 400},
      {"chunk size with 0x", post(chunked, "0x5\r\nhello\r\n0\r\n\r\n"), 400},
      {"signed chunk size", post(chunked, "+5\r\nhello\r\n0\r\n\r\n"), 400},
      {"chunk without CRLF at its end", post(chunked, "5\r\nhelloX\r\n0\r\n\r\n"), 400},
      {"bare LF after a chunk size", post(chunked, "5\nhello\r\n0\r\n\r\n"), 400},
      {"bare LF after a chunk", post(chunked, "5\r\nhello\n0\r\n\r\n"), 400},
      {"bare CR in a chunk extension", post(chunked, "5;a=\rb\r\nhello\r\n0\r\n\r\n"), 400},
      {"huge chunk extension", post(chunked, "5;" + std::string(300'000, 'x') + "\r\nhello\r\n0\r\n\r\n"), 400},
      {"trailer that is no field", post(chunked, "0\r\nnothing\r\n\r\n"), 400},
      {"unknown expectation", post("Expect: tea\r\n"), 400},
      {"long target", "GET /" + std::string(9'000, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
      {"long head", post("A: " + std::string(70'000, 'x') + "\r\n"), 431},
      {"many fields", post([] {
         std::string fields;
         for (int i = 0; i < 300; ++i) fields += "A: b\r\n";
         return fields;
       }()), 431},
      {"large body", post("Content-Length: 2000\r\n", std::string(2000, 'x')), 413},
      {"large chunked body", post(chunked, "7d0\r\n" + std::string(2000, 'x') + "\r\n0\r\n\r\n"), 413},
  };
}

TEST_F(RefusalTest, answers_every_breach_and_closes_and_never_parses_what_follows) {
  start_recording({.limits = {.body_bytes = 1000}});
  const std::vector<Row> rows = refused();
  for (const Row& row : rows) {
    RawClient client(port);
    client.send(row.bytes + "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto response = client.read_response();
    EXPECT_EQ(response.status, row.status) << row.what;
    EXPECT_EQ(response.headers.at("connection"), "close") << row.what;
    client.half_close();
    EXPECT_TRUE(client.ends()) << row.what;
  }
  EXPECT_TRUE(paths().empty());
  EXPECT_EQ(own_answers().size(), rows.size());
}

TEST_F(RefusalTest, accepts_the_free_choices_and_separates_pipelined_requests) {
  start_recording();
  RawClient client(port);
  client.send("\r\nPOST http://h/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n2;x=y\r\nhi\r\n0\r\nT: v\r\n\r\n"
              "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nho\r\nGET /c HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read_response().body, "hi");
  EXPECT_EQ(client.read_response().body, "ho");
  EXPECT_EQ(client.read_response().body, "");
  EXPECT_EQ(paths(), (std::vector<std::string>{"/a", "/b", "/c"}));
}

TEST_F(RefusalTest, ends_a_refused_connection_even_if_the_client_goes_on_sending) {
  start_recording({.limits = {.body_bytes = 1000}});
  RawClient client(port);
  client.send(post("Content-Length: 2000\r\n"));
  EXPECT_EQ(client.read_response().status, 413);
  const auto start_time = Clock::now();
  while (Clock::now() - start_time < 8s) {
    client.send("x");
    bool none = false;
    on_loop([&] { none = server->connections() == 0; });
    if (none) break;
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_LT(Clock::now() - start_time, 6s);
  EXPECT_TRUE(paths().empty());
}

TEST_F(RefusalTest, gives_a_whole_head_one_deadline_however_it_drips) {
  start_recording({.header_timeout = 100ms});
  RawClient client(port);
  for (const char c : std::string_view("GET / HTTP/1.1\r\nHost: x\r\nA: ")) client.send({&c, 1});
  const auto start_time = Clock::now();
  for (int i = 0; i < 500 && own_answers().empty(); ++i) {
    client.send("b");
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_LT(Clock::now() - start_time, 4s);
  EXPECT_EQ(client.read_response().status, 408);
}

TEST_F(RefusalTest, gives_a_body_more_time_only_as_it_comes) {
  start_recording({.body_timeout = 100ms, .body_rate = 1000});
  RawClient dripping(port);
  dripping.send(post("Content-Length: 100000\r\n"));
  const auto start_time = Clock::now();
  for (int i = 0; i < 500 && own_answers().empty(); ++i) {
    dripping.send("b");
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_LT(Clock::now() - start_time, 4s);
  EXPECT_EQ(dripping.read_response().status, 408);

  RawClient steady(port);
  steady.send(post("Content-Length: 4000\r\n"));
  for (int i = 0; i < 8; ++i) {
    steady.send(std::string(500, 'x'));
    std::this_thread::sleep_for(40ms);
  }
  EXPECT_EQ(steady.read_response().status, 200);
}

TEST_F(RefusalTest, answers_503_when_descriptors_run_out_and_recovers) {
  start_recording();
  RawClient warm(port);
  EXPECT_EQ(warm.exchange("GET", "/warm").status, 200);
  // Sockets of the clients are made first; then the server may open no descriptor beyond the highest one in use.
  std::vector<RawClient> clients;
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int highest = ::dup(0);
  ::close(highest);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(highest) + 3;
  ::setrlimit(RLIMIT_NOFILE, &tight);
  std::vector<int> statuses;
  for (int i = 0; i < 3; ++i) {
    RawClient client(port);
    if (!client.connected()) break;
    client.send(RawClient::request("GET", "/tight"));
    statuses.push_back(client.read_response().status);
    clients.push_back(std::move(client));
  }
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(std::ranges::count(statuses, 0), 0);
  EXPECT_GE(std::ranges::count(statuses, 503), 1);
  clients.clear();
  int status = 503;
  const TimePoint until = Clock::now() + 10s;  // with somebody always waiting, too
  while (status == 503 && Clock::now() < until) status = RawClient(port).exchange("GET", "/after").status;
  EXPECT_EQ(status, 200);
}

TEST_F(RefusalTest, tells_browsers_of_allowed_origins_and_no_others) {
  start_recording({.cors_origins = {"https://chat.example"}});
  RawClient client(port);
  const std::string preflight = "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n";
  auto answer = client.exchange("OPTIONS", "/v1/x", "", "Origin: https://chat.example\r\n" + preflight);
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.headers["access-control-allow-origin"], "https://chat.example");
  EXPECT_EQ(answer.headers["access-control-allow-headers"], "authorization");
  EXPECT_NE(answer.headers["access-control-allow-methods"].find("POST"), std::string::npos);
  EXPECT_TRUE(paths().empty());
  answer = client.exchange("POST", "/v1/x", "{}", "Origin: https://chat.example\r\n");
  EXPECT_EQ(answer.headers["access-control-allow-origin"], "https://chat.example");
  EXPECT_EQ(answer.headers["vary"], "origin");
  answer = client.exchange("POST", "/v1/x", "{}", "Origin: https://evil.example\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.headers.contains("access-control-allow-origin"));
  answer = client.exchange("OPTIONS", "/v1/x", "", "Origin: https://evil.example\r\n" + preflight);
  EXPECT_FALSE(answer.headers.contains("access-control-allow-origin"));
}

TEST_F(RefusalTest, says_nothing_of_origins_unless_configured) {
  start_recording();
  RawClient client(port);
  const auto answer = client.exchange("GET", "/", "", "Origin: https://chat.example\r\n");
  EXPECT_FALSE(answer.headers.contains("access-control-allow-origin"));
  EXPECT_FALSE(answer.headers.contains("vary"));
}

TEST_F(RefusalTest, buffers_a_bounded_amount_of_pipelined_bytes) {
  std::counting_semaphore<> running{0};
  std::counting_semaphore<> go_on{0};
  start([&](Exchange& exchange) -> aio::asio::awaitable<void> {
    aio::asio::steady_timer pause(io);
    exchange.on_disconnect([] {});
    running.release();
    while (!go_on.try_acquire()) {
      pause.expires_after(1ms);
      auto [error] = co_await pause.async_wait(aio::kNoThrow);
      (void)error;
    }
    Response response{.body = exchange.request().path};
    (void)co_await exchange.send(std::move(response));
  });
  RawClient client(port);
  client.send(RawClient::request("GET", "/1"));
  running.acquire();
  std::thread sender([&] {  // far more than any buffer on the way holds
    client.send(RawClient::request("POST", "/2", std::string(16'000'000, 'x')));
  });
  std::this_thread::sleep_for(50ms);
  go_on.release();
  go_on.release();
  EXPECT_EQ(client.read_response().body, "/1");
  running.acquire();
  EXPECT_EQ(client.read_response().body, "/2");
  sender.join();
}

}  // namespace
}  // namespace baton::http
