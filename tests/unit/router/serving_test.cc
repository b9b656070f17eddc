#include "unit/router/router_fixture.h"

namespace baton::router {
namespace {

using nlohmann::json;
using test::Fault;
using test::RawClient;
using namespace std::chrono_literals;

const std::string kText = "Grüße, 世界! stop here and go on.";

json completion(const std::string& prompt, json more = json::object()) {
  json body = {{"model", "org/test"}, {"prompt", prompt}, {"max_tokens", 200}};
  body.update(more);
  return body;
}

json chat(json more = json::object()) {
  json body = {{"model", "org/test"}, {"messages", json::array({{{"role", "user"}, {"content", "hi"}}})}};
  body.update(more);
  return body;
}

TEST_F(RouterTest, gives_the_same_text_whole_and_streamed) {
  add_worker({.script = bytes_of(kText)});
  start();
  EXPECT_EQ(complete(completion("x")), kText);
  const auto stream = post("/v1/completions", completion("x", {{"stream", true}}));
  EXPECT_EQ(stream.headers.at("content-type"), "text/event-stream; charset=utf-8");
  EXPECT_TRUE(stream.complete);
  const auto events = events_of(stream.body);
  EXPECT_EQ(streamed_text(events), kText);
  EXPECT_EQ(events.back(), "[DONE]");
  EXPECT_EQ(events[events.size() - 2]["choices"][0]["finish_reason"], "stop");
}

TEST_F(RouterTest, streams_a_chat_with_role_finish_and_usage) {
  add_worker({.script = bytes_of("ab")});
  start();
  const auto events =
      events_of(post("/v1/chat/completions", chat({{"stream", true}, {"stream_options", {{"include_usage", true}}}})).body);
  ASSERT_EQ(events.size(), 6U);
  EXPECT_EQ(events[0]["choices"][0]["delta"], json({{"role", "assistant"}, {"content", ""}}));
  EXPECT_EQ(events[1]["choices"][0]["delta"]["content"], "a");
  EXPECT_EQ(events[3]["choices"][0]["finish_reason"], "stop");
  // "user:hi\n" is 8 bytes; two tokens and the end token were generated; the fake worker reports 2 cached ones.
  EXPECT_EQ(events[4]["usage"], json::parse(R"({"prompt_tokens":8,"completion_tokens":3,"total_tokens":11,
                                                "prompt_tokens_details":{"cached_tokens":2}})"));
  const json whole = json::parse(post("/v1/chat/completions", chat()).body);
  EXPECT_EQ(whole["choices"][0]["message"]["content"], "ab");
  EXPECT_EQ(whole["usage"]["completion_tokens"], 3);
  EXPECT_EQ(workers[0]->specs()[0].tokens, bytes_of("user:hi\n"));
}

TEST_F(RouterTest, splits_prefill_and_decode_between_workers) {
  auto& prefill = add_worker({.role = Role::prefill, .script = bytes_of(kText)});
  auto& decode = add_worker({.role = Role::decode, .script = bytes_of(kText)});
  start();
  ASSERT_TRUE(wait_metric("baton_workers_up", 2));  // one of them alone would serve everything
  EXPECT_EQ(complete(completion("a prompt of some length to be worth a transfer")), kText);
  EXPECT_EQ(prefill.tokens_sent(), 1);
  EXPECT_GT(decode.tokens_sent(), 1);
  EXPECT_TRUE(wait_metric("baton_kv_transfers_total", 1, "transport=\"shm\""));
  EXPECT_EQ(metric("baton_kv_transfer_bytes_total", "transport=\"shm\""), 4096);
}

TEST_F(RouterTest, stops_at_max_tokens) {
  add_worker({.script = bytes_of("abcdef")});
  start();
  const json got = json::parse(post("/v1/completions", completion("x", {{"max_tokens", 3}})).body);
  EXPECT_EQ(got["choices"][0]["text"], "abc");
  EXPECT_EQ(got["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(got["usage"]["completion_tokens"], 3);
}

TEST_F(RouterTest, finds_stop_strings_across_tokens_and_tells_the_worker) {
  auto& worker = add_worker({.script = bytes_of(kText), .token_delay_us = 500, .forever = true});
  start();
  for (const bool stream : {false, true}) {
    const auto response = post("/v1/completions", completion("x", {{"stop", {"stop", "zzz"}}, {"stream", stream}, {"max_tokens", 5000}}));
    const std::string expected = kText.substr(0, kText.find("stop"));
    if (stream) {
      const auto events = events_of(response.body);
      EXPECT_EQ(streamed_text(events), expected);
      EXPECT_EQ(events[events.size() - 2]["choices"][0]["finish_reason"], "stop");
      EXPECT_EQ(events[events.size() - 2]["choices"][0]["stop_reason"], "stop");
    } else {
      const json got = json::parse(response.body);
      EXPECT_EQ(got["choices"][0]["text"], expected);
      EXPECT_EQ(got["choices"][0]["finish_reason"], "stop");
    }
  }
  EXPECT_TRUE(worker.wait_for([](const auto& w) { return w.cancelled() == 2; }));
  EXPECT_TRUE(wait_metric("baton_requests_in_flight", 0));
}

TEST_F(RouterTest, keeps_the_stop_string_when_asked) {
  add_worker({.script = bytes_of(kText)});
  start();
  EXPECT_EQ(complete(completion("x", {{"stop", "stop"}, {"include_stop_str_in_output", true}})),
            kText.substr(0, kText.find("stop") + 4));
}

TEST_F(RouterTest, answers_several_choices_and_prompts_prompt_major) {
  auto& worker = add_worker({.script = bytes_of("ab")});
  start();
  const json body = {{"prompt", {"p", "qq"}}, {"n", 2}, {"seed", 7}, {"max_tokens", 5}};
  const json got = json::parse(post("/v1/completions", body).body);
  ASSERT_EQ(got["choices"].size(), 4U);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(got["choices"][i]["index"], i);
  EXPECT_EQ(got["usage"]["prompt_tokens"], 3);
  EXPECT_EQ(got["usage"]["completion_tokens"], 12);
  const auto specs = worker.specs();
  EXPECT_EQ(specs[0].sampling.seed, 7U);
  EXPECT_EQ(specs[1].sampling.seed, 8U);
  EXPECT_EQ(specs[2].tokens, bytes_of("qq"));
}

TEST_F(RouterTest, returns_logprobs_of_every_shown_token_in_both_forms) {
  add_worker({.script = bytes_of("aé")});
  start();
  const json text = json::parse(post("/v1/completions", completion("x", {{"logprobs", 2}})).body)["choices"][0];
  EXPECT_EQ(text["logprobs"]["tokens"].size(), 3U);
  EXPECT_EQ(text["logprobs"]["text_offset"], json({0, 1, 2}));
  const json whole =
      json::parse(post("/v1/chat/completions", chat({{"logprobs", true}, {"top_logprobs", 2}})).body)["choices"][0];
  const auto events =
      events_of(post("/v1/chat/completions", chat({{"logprobs", true}, {"top_logprobs", 2}, {"stream", true}})).body);
  json streamed = json::array();
  for (const json& event : events) {
    if (!event.is_object() || event["choices"][0]["logprobs"].is_null()) continue;
    for (const json& entry : event["choices"][0]["logprobs"]["content"]) streamed.push_back(entry);
  }
  EXPECT_EQ(streamed, whole["logprobs"]["content"]);
  EXPECT_EQ(streamed.size(), 3U);
}

TEST_F(RouterTest, gives_every_request_a_seed_and_passes_sampling_on) {
  auto& worker = add_worker({.script = bytes_of("a")});
  start();
  complete(completion("x", {{"temperature", 0.5}, {"top_k", 3}, {"ignore_eos", true}}));
  complete(completion("x"));
  const auto specs = worker.specs();
  EXPECT_NE(specs[0].sampling.seed, specs[1].sampling.seed);
  EXPECT_EQ(specs[0].sampling.temperature, 0.5F);
  EXPECT_EQ(specs[0].sampling.top_k, 3);
  EXPECT_TRUE(specs[0].sampling.ignore_eos);
}

TEST_F(RouterTest, takes_large_prompts_off_the_loop_and_gets_them_right) {
  auto& worker = add_worker({.script = bytes_of("ok")});
  start();
  const std::string prompt(200'000, 'p');
  EXPECT_EQ(complete(completion(prompt)), "ok");
  EXPECT_EQ(worker.specs()[0].tokens.size(), prompt.size());
}

TEST_F(RouterTest, cancels_at_the_worker_when_the_client_leaves) {
  auto& worker = add_worker({.script = bytes_of("a"), .token_delay_us = 500, .forever = true});
  start();
  for (const bool stream : {true, false}) {
    const int before = worker.cancelled();
    RawClient client(router->port());
    client.send(RawClient::request("POST", "/v1/completions",
                                   completion("x", {{"stream", stream}, {"max_tokens", 100000}}).dump()));
    if (stream) client.read_until("data: ");
    EXPECT_TRUE(worker.wait_for([&](const auto& w) { return w.submitted() > before; }));
    client.close();
    EXPECT_TRUE(worker.wait_for([&](const auto& w) { return w.cancelled() > before; }));
  }
  EXPECT_TRUE(wait_metric("baton_requests_in_flight", 0));
  EXPECT_EQ(metric("baton_client_disconnects_total"), 2);
}

TEST_F(RouterTest, answers_pipelined_completions_in_order) {
  add_worker({.script = bytes_of("ab")});
  start();
  RawClient client(router->port());
  std::string all;
  for (int i = 1; i <= 3; ++i) all += RawClient::request("POST", "/v1/completions", completion(std::string(i, 'x')).dump());
  client.send(all);
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(json::parse(client.read_response().body)["usage"]["prompt_tokens"], i);
}

TEST_F(RouterTest, shares_its_port_between_shards) {
  config.threads = 2;
  add_worker({.script = bytes_of("ab")});
  start();
  for (int i = 0; i < 8; ++i) {
    // Each shard has its own links; one that is not connected yet answers 503.
    ASSERT_TRUE(wait_ready());
    const auto response = post("/v1/completions", completion("x"));
    EXPECT_TRUE(response.status == 200 || response.status == 503) << response.body;
  }
}

}  // namespace
}  // namespace baton::router
