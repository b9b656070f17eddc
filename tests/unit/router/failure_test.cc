#include "unit/router/router_fixture.h"

namespace baton::router {
namespace {

using nlohmann::json;
using test::Fault;
using test::RawClient;
using namespace std::chrono_literals;

const std::string kText = "one two three four five six";

json completion(json more = json::object()) {
  json body = {{"model", "org/test"}, {"prompt", "x"}, {"max_tokens", 200}};
  body.update(more);
  return body;
}

void expect_error(const test::RawResponse& response, int status, const json& code, const json& param = nullptr) {
  EXPECT_EQ(response.status, status) << response.body;
  EXPECT_EQ(response.headers.at("content-type"), "application/json");
  EXPECT_TRUE(response.headers.contains("x-request-id"));
  const json error = json::parse(response.body)["error"];
  EXPECT_TRUE(error["message"].is_string());
  EXPECT_TRUE(error["type"].is_string());
  EXPECT_EQ(error["code"], code) << response.body;
  EXPECT_EQ(error["param"], param) << response.body;
}

TEST_F(RouterTest, replays_on_another_worker_when_one_dies_mid_stream) {
  add_worker({.script = bytes_of(kText), .token_delay_us = 200, .fault = Fault::disconnect_mid_stream, .fault_after_tokens = 5});
  add_worker({.script = bytes_of(kText), .token_delay_us = 200, .fault = Fault::disconnect_mid_stream, .fault_after_tokens = 5});
  add_worker({.script = bytes_of(kText)});
  start();
  for (int i = 0; i < 3; ++i) {
    const auto events = events_of(post("/v1/completions", completion({{"stream", true}})).body);
    EXPECT_EQ(streamed_text(events), kText);
    EXPECT_EQ(events.back(), "[DONE]");
  }
}

TEST_F(RouterTest, replays_when_the_decode_worker_of_a_split_dies) {
  add_worker({.role = Role::prefill, .script = bytes_of(kText)});
  add_worker({.role = Role::decode, .script = bytes_of(kText), .token_delay_us = 200, .fault = Fault::disconnect_mid_stream});
  add_worker({.role = Role::decode, .script = bytes_of(kText), .token_delay_us = 200, .fault = Fault::disconnect_mid_stream});
  start();
  ASSERT_TRUE(wait_metric("baton_workers_up", 3));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(json::parse(post("/v1/completions", completion()).body)["choices"][0]["text"], kText);
  }
}

TEST_F(RouterTest, retries_elsewhere_before_the_first_token) {
  for (const Fault fault : {Fault::disconnect_on_submit, Fault::garbage_on_submit, Fault::fail_on_submit}) {
    add_worker({.script = bytes_of(kText), .fault = fault});
  }
  add_worker({.script = bytes_of(kText)});
  start();
  for (int i = 0; i < 4; ++i) {
    const auto response = post("/v1/completions", completion());
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(json::parse(response.body)["choices"][0]["text"], kText);
  }
}

TEST_F(RouterTest, notices_a_hung_worker_by_its_silence) {
  config.fault_tolerance.ping_timeout = 100ms;
  config.fault_tolerance.ping_interval = 20ms;
  add_worker({.script = bytes_of(kText)});
  start();
  add_worker({.script = bytes_of(kText), .fault = Fault::silence});
  router->reload(config);
  EXPECT_TRUE(wait_metric("baton_worker_up", 1, "w1"));
  EXPECT_TRUE(wait_metric("baton_worker_up", 0, "w1"));
  EXPECT_EQ(post("/v1/completions", completion()).status, 200);
}

TEST_F(RouterTest, answers_503_with_retry_after_when_no_worker_is_there) {
  start();
  const auto response = post("/v1/completions", completion());
  expect_error(response, 503, "no_workers");
  EXPECT_GE(std::atoi(response.headers.at("retry-after").c_str()), 1);
  const auto ready = get("/ready");
  EXPECT_EQ(ready.status, 503);
  EXPECT_FALSE(json::parse(ready.body)["reasons"].empty());
  EXPECT_EQ(get("/health").status, 200);
  EXPECT_EQ(get("/live").status, 200);
}

TEST_F(RouterTest, sheds_with_429_when_the_queue_is_full) {
  config.limits.queue_requests = 1;
  config.limits.running_requests = 1;
  add_worker({.script = bytes_of("a"), .token_delay_us = 1000, .forever = true});
  start();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(std::make_unique<RawClient>(router->port()));
    clients.back()->send(RawClient::request("POST", "/v1/completions", completion({{"max_tokens", 100000}}).dump()));
  }
  EXPECT_TRUE(wait_metric("baton_queue_requests", 1));
  const auto response = post("/v1/completions", completion());
  expect_error(response, 429, "server_overloaded");
  EXPECT_TRUE(response.headers.contains("retry-after"));
}

TEST_F(RouterTest, lets_nobody_wait_where_the_queue_has_no_place) {
  config.limits.queue_requests = 0;
  config.limits.running_requests = 1;
  add_worker({.script = bytes_of("a"), .token_delay_us = 1000, .forever = true});
  start();
  EXPECT_EQ(post("/v1/completions", completion({{"max_tokens", 1}})).status, 200);
  RawClient running(router->port());
  running.send(RawClient::request("POST", "/v1/completions", completion({{"max_tokens", 100000}}).dump()));
  ASSERT_TRUE(wait_metric("baton_running_requests", 1));
  const auto response = post("/v1/completions", completion());
  expect_error(response, 429, "server_overloaded");
  EXPECT_TRUE(response.headers.contains("retry-after"));
}

TEST_F(RouterTest, ends_a_stream_that_cannot_go_on_with_an_error_event) {
  config.fault_tolerance.max_attempts = 1;
  add_worker({.script = bytes_of(kText), .token_delay_us = 500, .fault = Fault::disconnect_mid_stream});
  start();
  const auto response = post("/v1/completions", completion({{"stream", true}}));
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.complete);
  const auto events = events_of(response.body);
  ASSERT_GE(events.size(), 2U);
  EXPECT_TRUE(events[events.size() - 2].contains("error")) << response.body;
  EXPECT_EQ(events.back(), "[DONE]");
}

TEST_F(RouterTest, gives_a_plain_error_for_a_whole_answer_that_cannot_go_on) {
  config.fault_tolerance.max_attempts = 1;
  add_worker({.script = bytes_of(kText), .token_delay_us = 500, .fault = Fault::disconnect_mid_stream});
  start();
  EXPECT_GE(post("/v1/completions", completion()).status, 500);
}

TEST_F(RouterTest, times_a_request_out) {
  config.limits.request_timeout = 100ms;
  add_worker({.script = bytes_of(kText), .fault = Fault::stall_on_submit});
  start();
  expect_error(post("/v1/completions", completion({{"stream", true}})), 504, "request_timeout");
}

TEST_F(RouterTest, writes_the_error_envelope_on_every_path) {
  add_worker({.script = bytes_of(kText), .max_context = 100});
  config.limits.body_bytes = 10'000;
  start();
  expect_error(get("/nothing"), 404, nullptr);
  expect_error(get("/v1/models/none"), 404, "model_not_found", "model");
  const auto wrong_method = get("/v1/completions");
  expect_error(wrong_method, 405, "method_not_allowed");
  EXPECT_EQ(wrong_method.headers.at("allow"), "POST");
  expect_error(get("/health", "DELETE"), 405, "method_not_allowed");
  expect_error(post("/v1/completions", completion({{"prompt", std::string(20'000, 'x')}})), 413, nullptr);
  expect_error(post("/v1/completions", completion({{"temperature", 9}})), 400, nullptr, "temperature");
  expect_error(post("/v1/completions", completion({{"suffix", "x"}})), 400, "unsupported_parameter", "suffix");
  expect_error(post("/v1/completions", completion({{"model", "gpt"}})), 404, "model_not_found", "model");
  expect_error(post("/v1/completions", completion({{"prompt", ""}})), 400, nullptr, "prompt");
  expect_error(post("/v1/completions", completion({{"prompt", {1, 999999}}})), 400, nullptr, "prompt");
  expect_error(post("/v1/completions", completion({{"prompt", std::string(101, 'x')}, {"max_tokens", 1}})), 400,
               "context_length_exceeded", "prompt");
  expect_error(post("/v1/completions", completion({{"max_tokens", 100}})), 400, "context_length_exceeded", "prompt");
  const json boom = {{"messages", json::array({{{"role", "user"}, {"content", "boom"}}})}};
  const auto raised = post("/v1/chat/completions", boom);
  expect_error(raised, 400, nullptr, "messages");
  EXPECT_NE(raised.body.find("no booms"), std::string::npos);

  RawClient form(router->port());
  form.send("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            "Content-Length: 3\r\n\r\na=b");
  expect_error(form.read_response(), 415, nullptr);
  RawClient bad(router->port());
  expect_error(bad.exchange("POST", "/v1/completions", "{nope"), 400, nullptr);
  RawClient large_head(router->port());
  expect_error(large_head.exchange("GET", "/", "", "A: " + std::string(100'000, 'x') + "\r\n"), 431, nullptr);
  RawClient smuggler(router->port());
  smuggler.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n");
  expect_error(smuggler.read_response(), 400, nullptr);
}

TEST_F(RouterTest, lists_its_model_also_under_escaped_names) {
  add_worker({.script = bytes_of(kText), .max_context = 4096});
  start();
  const json list = json::parse(get("/v1/models").body);
  EXPECT_EQ(list["data"][0]["id"], "org/test");
  EXPECT_EQ(list["data"][0]["max_model_len"], 4096);
  EXPECT_EQ(json::parse(get("/v1/models/org/test").body)["id"], "org/test");
  EXPECT_EQ(json::parse(get("/v1/models/org%2Ftest").body)["id"], "org/test");
  EXPECT_EQ(get("/version").status, 200);
}

TEST_F(RouterTest, echoes_a_usable_request_id_and_makes_one_otherwise) {
  start();
  RawClient client(router->port());
  EXPECT_EQ(client.exchange("GET", "/health", "", "X-Request-Id: abc-1\r\n").headers["x-request-id"], "abc-1");
  const auto made = client.exchange("GET", "/health", "", "X-Request-Id: " + std::string(129, 'a') + "\r\n");
  EXPECT_TRUE(made.headers.at("x-request-id").starts_with("req_"));
}

TEST_F(RouterTest, drains_finishing_what_runs_and_refusing_what_comes) {
  auto& worker = add_worker({.script = bytes_of(kText), .token_delay_us = 5000});
  start();
  RawClient client(router->port());
  client.send(RawClient::request("POST", "/v1/completions", completion({{"stream", true}}).dump()));
  EXPECT_TRUE(worker.wait_for([](const auto& w) { return w.tokens_sent() > 1; }));
  router->stop();
  const auto response = client.read_response();
  EXPECT_EQ(streamed_text(events_of(response.body)), kText);
  thread.join();
}

TEST_F(RouterTest, takes_workers_from_a_new_configuration_and_drops_old_ones) {
  auto& first = add_worker({.script = bytes_of("first")});
  start();
  add_worker({.script = bytes_of("second")});
  Config next = config;
  next.workers = {config.workers[1]};
  router->reload(next);
  EXPECT_TRUE(wait_metric("baton_worker_up", 1, "w1"));
  EXPECT_TRUE(wait_metric("baton_worker_up", 0, "w0"));
  EXPECT_EQ(complete(completion()), "second");
  EXPECT_EQ(first.submitted(), 0);
}

TEST_F(RouterTest, places_nothing_on_a_worker_that_is_leaving) {
  auto& first = add_worker({.script = bytes_of("same")});
  add_worker({.script = bytes_of("same")});
  start();
  EXPECT_TRUE(wait_metric("baton_workers_up", 2));
  first.announce_leaving();
  const int before = first.submitted();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(complete(completion()), "same");
  EXPECT_LE(first.submitted() - before, 1);
}

TEST_F(RouterTest, refuses_a_worker_with_another_token_and_keeps_trying) {
  config.auth_token = "right";
  add_worker({.script = bytes_of("x"), .auth_token = "right"});
  add_worker({.script = bytes_of("x"), .auth_token = "other"});
  start();
  EXPECT_EQ(metric("baton_worker_up", "w1"), 0);
  EXPECT_EQ(complete(completion()), "x");
}

TEST(RouterCreate, names_the_file_that_is_missing) {
  Config config;
  config.model = "/nonexistent-model";
  const auto router = Router::create({.config = config});
  ASSERT_FALSE(router);
  EXPECT_NE(router.error().message.find("/nonexistent-model"), std::string::npos);
}

TEST_F(RouterTest, says_that_the_port_is_taken) {
  start();
  Config second = config;
  second.listen.port = router->port();
  const auto created = Router::create({.config = second});
  ASSERT_FALSE(created);
  EXPECT_NE(created.error().message.find(std::to_string(router->port())), std::string::npos);
}

}  // namespace
}  // namespace baton::router
