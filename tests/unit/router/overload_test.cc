#include <algorithm>
#include <poll.h>

#include "router/retry_after.h"
#include "unit/router/router_fixture.h"

namespace baton::router {
namespace {

using nlohmann::json;
using test::RawClient;
using namespace std::chrono_literals;

std::string completion(int max_tokens, json more = json::object()) {
  json body = {{"model", "org/test"}, {"prompt", "x"}, {"max_tokens", max_tokens}};
  body.update(more);
  return RawClient::request("POST", "/v1/completions", body.dump());
}

std::string stream(int max_tokens) {
  return completion(max_tokens, {{"stream", true}});
}

/// A worker that goes on until it is told to stop.
test::FakeWorkerOptions endless() {
  return {.script = bytes_of("abc"), .token_delay_us = 500, .forever = true, .keep_specs = false};
}

TEST_F(RouterTest, drains_in_phases) {
  config.limits.drain_delay = 400ms;
  auto& worker = add_worker({.script = bytes_of(std::string(200, 'x')), .token_delay_us = 5000});
  start();
  RawClient running(router->port());
  running.send(stream(1000));
  ASSERT_TRUE(worker.wait_for([](const auto& w) { return w.tokens_sent() > 1; }));
  RawClient idle(router->port());
  EXPECT_EQ(idle.exchange("GET", "/ready").status, 200);

  router->stop();
  const auto said_no_until = Clock::now() + 10s;
  test::RawResponse ready;
  while (Clock::now() < said_no_until && (ready = get("/ready")).status == 200) std::this_thread::sleep_for(2ms);
  EXPECT_EQ(ready.status, 503);
  EXPECT_NE(ready.body.find("draining"), std::string::npos) << ready.body;
  EXPECT_EQ(get("/health").status, 200);
  EXPECT_EQ(idle.exchange("POST", "/v1/completions", R"({"prompt":"x","max_tokens":1})").status, 200);

  std::this_thread::sleep_for(450ms);
  const auto refused = idle.exchange("POST", "/v1/completions", R"({"prompt":"x","max_tokens":1})");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(json::parse(refused.body)["error"]["code"], "draining");
  EXPECT_EQ(refused.headers.at("connection"), "close");
  EXPECT_TRUE(refused.headers.contains("retry-after"));
  const auto fresh = get("/live");
  EXPECT_EQ(fresh.status, 200);
  EXPECT_EQ(fresh.headers.at("connection"), "close");

  const auto response = running.read_response();
  EXPECT_EQ(streamed_text(events_of(response.body)), std::string(200, 'x'));
  thread.join();
}

TEST_F(RouterTest, cuts_what_does_not_finish_with_an_error_event) {
  config.limits.drain_timeout = 100ms;
  auto& worker = add_worker(endless());
  start();
  RawClient streaming(router->port());
  streaming.send(stream(1'000'000));
  RawClient whole(router->port());
  whole.send(completion(1'000'000));
  ASSERT_TRUE(worker.wait_for([](const auto& w) { return w.submitted() == 2 && w.tokens_sent() > 2; }));
  router->stop();
  const auto response = streaming.read_response();
  EXPECT_TRUE(response.complete);
  const auto events = events_of(response.body);
  ASSERT_GE(events.size(), 2U);
  EXPECT_EQ(events[events.size() - 2]["error"]["code"], "draining");
  EXPECT_EQ(events.back(), "[DONE]");
  EXPECT_EQ(whole.read_response().status, 503);
  thread.join();
  EXPECT_FALSE(RawClient(router->port()).connected());
}

TEST_F(RouterTest, ends_at_once_at_the_second_stop) {
  config.limits.drain_delay = 1h;
  config.threads = 2;
  auto& worker = add_worker(endless());
  start();
  RawClient streaming(router->port());
  streaming.send(stream(1'000'000));
  ASSERT_TRUE(worker.wait_for([](const auto& w) { return w.tokens_sent() > 2; }));
  router->stop();
  router->stop();
  thread.join();
  EXPECT_FALSE(streaming.read_response().complete);
}

TEST_F(RouterTest, is_ready_when_every_shard_is) {
  config.threads = 3;
  start();
  json reasons;
  do {
    reasons = json::parse(get("/ready").body)["reasons"];
  } while (std::ranges::count(reasons, json("the router is starting")) > 0);
  EXPECT_EQ(reasons.size(), 2U) << reasons;  // each reason once
  add_worker({.script = bytes_of("a")});
  router->reload(config);
  ASSERT_TRUE(wait_ready());
  // Each connection reaches a shard of the kernel's choice.
  for (int i = 0; i < 30; ++i) {
    RawClient client(router->port());
    EXPECT_EQ(client.exchange("POST", "/v1/completions", R"({"prompt":"x"})").status, 200);
  }
}

TEST_F(RouterTest, counts_refused_requests_too) {
  config.limits.connections = 8;
  start();
  RawClient bad(router->port());
  bad.send("NONSENSE\r\n\r\n");
  EXPECT_EQ(bad.read_response().status, 400);
  EXPECT_TRUE(wait_metric("baton_requests_total", 1, "status=\"400\""));
  std::vector<std::unique_ptr<RawClient>> crowd;
  for (int i = 0; i < 12; ++i) crowd.push_back(std::make_unique<RawClient>(router->port()));
  EXPECT_EQ(crowd.back()->read_response().status, 503);
  crowd.clear();
  std::this_thread::sleep_for(20ms);
  EXPECT_GE(metric("baton_requests_total", "status=\"503\""), 1);
}

TEST_F(RouterTest, counts_its_gauges_down_on_every_way_out) {
  config.limits.running_requests = 2;
  auto& worker = add_worker(endless());
  start();
  const auto settle = [&] {
    return wait_metric("baton_requests_in_flight", 0) && wait_metric("baton_running_requests", 0) &&
           wait_metric("baton_queue_requests", 0);
  };
  {  // leaves in the middle of a stream, before a whole answer, while queued, and in the middle of its request
    RawClient streaming(router->port());
    streaming.send(stream(1'000'000));
    RawClient whole(router->port());
    whole.send(completion(1'000'000));
    ASSERT_TRUE(worker.wait_for([](const auto& w) { return w.submitted() == 2 && w.tokens_sent() > 5; }));
    RawClient queued(router->port());
    queued.send(completion(1'000'000));
    ASSERT_TRUE(wait_metric("baton_queue_requests", 1));
    RawClient sending(router->port());
    sending.send("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    EXPECT_EQ(metric("baton_requests_in_flight"), 3);
  }
  EXPECT_TRUE(settle());
  EXPECT_TRUE(worker.wait_for([](const auto& w) { return w.cancelled() >= 2; }));
  EXPECT_EQ(metric("baton_client_disconnects_total"), 3);

  RawClient half(router->port());  // a client that only closed its sending side counts as gone during a completion
  half.send(completion(1'000'000));
  ASSERT_TRUE(worker.wait_for([](const auto& w) { return w.submitted() == 3; }));
  half.half_close();
  EXPECT_TRUE(settle());
}

TEST_F(RouterTest, gives_up_a_reader_that_stops_and_serves_the_others) {
  config.limits.write_timeout = 1s;
  auto& worker = add_worker({.script = bytes_of("abc"), .forever = true, .keep_specs = false});
  start();
  RawClient stuck(router->port(), 4096);
  stuck.send(stream(1'000'000));
  ASSERT_TRUE(worker.wait_for([](const auto& w) { return w.tokens_sent() > 100; }));
  for (int i = 0; i < 5; ++i) {
    RawClient client(router->port());
    client.send(completion(3));
    EXPECT_EQ(client.read_response().status, 200);
  }
  EXPECT_TRUE(worker.wait_for([](const auto& w) { return w.cancelled() >= 1; }));
  EXPECT_TRUE(wait_metric("baton_requests_in_flight", 0));
}

TEST_F(RouterTest, tells_refused_clients_when_to_come_back) {
  config.limits.queue_requests = 1;
  config.limits.running_requests = 1;
  add_worker(endless());
  start();
  RawClient running(router->port());
  running.send(completion(1'000'000));
  RawClient queued(router->port());
  queued.send(completion(1'000'000));
  ASSERT_TRUE(wait_metric("baton_queue_requests", 1));
  for (int i = 0; i < 10; ++i) {
    const auto refused = post("/v1/completions", {{"prompt", "x"}});
    EXPECT_EQ(refused.status, 429);
    const int seconds = std::atoi(refused.headers.at("retry-after").c_str());
    EXPECT_GE(seconds, 1);
    EXPECT_LE(seconds, 120);
    const int ms = std::atoi(refused.headers.at("retry-after-ms").c_str());
    EXPECT_GE(ms, 500);
    EXPECT_LE(ms, seconds * 1000);
  }
}

TEST_F(RouterTest, answers_browsers_only_of_configured_origins) {
  config.cors_origins = {"https://chat.example"};
  add_worker({.script = bytes_of("a")});
  start();
  RawClient client(router->port());
  auto answer = client.exchange("OPTIONS", "/v1/chat/completions", "",
                                "Origin: https://chat.example\r\nAccess-Control-Request-Method: POST\r\n");
  EXPECT_EQ(answer.status, 204);
  answer = client.exchange("POST", "/v1/completions", R"({"prompt":"x","stream":true})", "Origin: https://chat.example\r\n");
  EXPECT_EQ(answer.headers["access-control-allow-origin"], "https://chat.example");
  answer = client.exchange("GET", "/nothing", "", "Origin: https://other.example\r\n");
  EXPECT_FALSE(answer.headers.contains("access-control-allow-origin"));
}

TEST(ServiceRate, follows_the_requests_that_end) {
  ServiceRate rate;
  TimePoint now{};
  EXPECT_EQ(rate.per_second(now), 0);
  EXPECT_GE(rate.seconds_to_serve(10, now), 1);
  for (int i = 0; i < 400; ++i) rate.on_end(now += 250ms);  // four a second
  EXPECT_NEAR(rate.per_second(now), 4.0, 0.5);
  EXPECT_NEAR(rate.seconds_to_serve(39, now), 10, 2);
  EXPECT_EQ(rate.seconds_to_serve(0, now), 1);
  EXPECT_EQ(rate.seconds_to_serve(1'000'000, now), kMaxRetryAfterS);
  EXPECT_EQ(rate.seconds_to_serve(10, now + 24h), kMaxRetryAfterS);  // nothing ends any more
}

TEST(Jitter, stays_within_a_quarter_and_two_minutes) {
  int least = 1'000'000;
  int most = 0;
  for (std::uint64_t random = 0; random < 20'000; ++random) {
    const int ms = jittered_ms(8, random * 2654435761U);
    least = std::min(least, ms);
    most = std::max(most, ms);
  }
  EXPECT_GE(least, 6000);
  EXPECT_LE(least, 6050);
  EXPECT_LE(most, 10'000);
  EXPECT_GE(most, 9950);
  EXPECT_LE(jittered_ms(kMaxRetryAfterS, ~0ULL), kMaxRetryAfterS * 1000);
}

}  // namespace
}  // namespace baton::router
