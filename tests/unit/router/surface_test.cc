// What the endpoints offer beside plain generation, over fake workers: the cases of vLLM's and SGLang's endpoint tests
// in our own words.
#include <fstream>

#include "unit/router/router_fixture.h"

namespace baton::router {
namespace {

using nlohmann::json;

constexpr const char* kChat = "/v1/chat/completions";
constexpr const char* kText = "/v1/completions";

json user(const std::string& content) {
  return {{"role", "user"}, {"content", content}};
}

json chat(json more = json::object()) {
  json body = {{"messages", json::array({user("hi")})}};
  body.update(more);
  return body;
}

json tools() {
  return json::parse(R"([{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}])");
}

/// A streamed answer put together as a client does it.
json joined(const std::vector<json>& events) {
  json whole = {{"content", ""}, {"tool_calls", json::array()}};
  for (const json& event : events) {
    if (!event.is_object() || event["choices"].empty()) continue;
    const json& choice = event["choices"][0];
    if (!choice["finish_reason"].is_null()) whole["finish_reason"] = choice["finish_reason"];
    whole["content"] = whole["content"].get<std::string>() + choice["delta"].value("content", "");
    for (const json& call : choice["delta"].value("tool_calls", json::array())) {
      const auto index = call["index"].get<std::size_t>();
      if (index == whole["tool_calls"].size())
        whole["tool_calls"].push_back(call["function"]);
      else {
        std::string& arguments = whole["tool_calls"][index]["arguments"].get_ref<std::string&>();
        arguments += call["function"]["arguments"].get<std::string>();
      }
    }
  }
  return whole;
}

json of_message(const json& choice) {
  const json& message = choice["message"];
  json whole = {{"content", message["content"].is_null() ? "" : message["content"]},
                {"tool_calls", json::array()},
                {"finish_reason", choice["finish_reason"]}};
  for (const json& call : message.value("tool_calls", json::array())) whole["tool_calls"].push_back(call["function"]);
  return whole;
}

TEST_F(RouterTest, finds_tool_calls_whole_and_streamed) {
  add_worker(
      {.script = bytes_of("Well.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"é\"}}\n</tool_call>")});
  start();
  const json body = chat({{"tools", tools()}, {"max_tokens", 200}});
  const json whole = of_message(json::parse(post(kChat, body).body)["choices"][0]);
  EXPECT_EQ(whole["content"], "Well.");
  EXPECT_EQ(whole["tool_calls"], json::array({{{"name", "f"}, {"arguments", R"({"a": "é"})"}}}));
  EXPECT_EQ(whole["finish_reason"], "tool_calls");
  json streaming = body;
  streaming["stream"] = true;
  EXPECT_EQ(joined(events_of(post(kChat, streaming).body)), whole);
  // The template knows no tools, so the model is told of them in words.
  const auto tokens = workers[0]->specs()[0].tokens;
  const std::string prompt(tokens.begin(), tokens.end());
  EXPECT_TRUE(prompt.starts_with("system:# Tools")) << prompt;
  EXPECT_NE(prompt.find(R"("name": "f")"), std::string::npos);
  json none = body;
  none["tool_choice"] = "none";
  EXPECT_EQ(of_message(json::parse(post(kChat, none).body)["choices"][0])["tool_calls"], json::array());
}

TEST_F(RouterTest, forces_tool_calls_by_a_constraint) {
  auto& worker = add_worker({.script = bytes_of(R"([{"name":"f","parameters":{"b":1}}])")});
  start();
  const json any = json::parse(post(kChat, chat({{"tools", tools()}, {"tool_choice", "required"}})).body)["choices"][0];
  EXPECT_EQ(any["message"]["tool_calls"][0]["function"]["arguments"], R"({"b":1})");
  EXPECT_TRUE(any["message"]["tool_calls"][0]["id"].get<std::string>().starts_with("call_"));
  const json choice = {{"type", "function"}, {"function", {{"name", "f"}}}};
  const json named = json::parse(post(kChat, chat({{"tools", tools()}, {"tool_choice", choice}})).body)["choices"][0];
  EXPECT_EQ(named["message"]["tool_calls"][0]["function"]["name"], "f");
  EXPECT_EQ(named["finish_reason"], "tool_calls");
  EXPECT_EQ(worker.specs()[0].sampling.constraint.kind, Constraint::Kind::json_schema);
  EXPECT_EQ(worker.specs()[1].sampling.constraint.source, R"({"type":"object"})");
}

TEST_F(RouterTest, writes_earlier_calls_and_results_for_templates_without_tools) {
  auto& worker = add_worker({.script = bytes_of("x")});
  start();
  // As text, because the order of members counts.
  const std::string body = R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,)"
                           R"("tool_calls":[{"id":"1","type":"function","function":{"name":"f",)"
                           R"("arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"1","content":"r"}]})";
  test::RawClient client(router->port());
  ASSERT_EQ(client.exchange("POST", kChat, body).status, 200);
  const auto tokens = worker.specs()[0].tokens;
  EXPECT_EQ(std::string(tokens.begin(), tokens.end()),
            "user:q\nassistant:\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>\n"
            "user:<tool_response>\nr\n</tool_response>\n");
}

TEST_F(RouterTest, echoes_prompts_with_their_logprobs) {
  add_worker({.script = bytes_of("xy")});
  start();
  for (const json& prompt : {json("abc"), json({97, 98, 99})}) {
    const json choice = json::parse(
        post(kText, {{"prompt", prompt}, {"echo", true}, {"logprobs", 1}, {"max_tokens", 2}}).body)["choices"][0];
    EXPECT_EQ(choice["text"], "abcxy");
    EXPECT_EQ(choice["logprobs"]["tokens"], json({"a", "b", "c", "x", "y"}));
    EXPECT_EQ(choice["logprobs"]["token_logprobs"], json({nullptr, -1.0, -2.0, -0.5, -0.5}));
    EXPECT_EQ(choice["logprobs"]["top_logprobs"][0], nullptr);
    EXPECT_EQ(choice["logprobs"]["top_logprobs"][1], json({{"A", -0.25}, {"b", -1.0}}));
    EXPECT_EQ(choice["logprobs"]["text_offset"], json({0, 1, 2, 3, 4}));
  }
  const json only =
      json::parse(post(kText, {{"prompt", "abc"}, {"echo", true}, {"logprobs", 0}, {"max_tokens", 0}}).body);
  EXPECT_EQ(only["choices"][0]["text"], "abc");
  EXPECT_EQ(only["choices"][0]["logprobs"]["tokens"].size(), 3U);
  EXPECT_EQ(only["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(only["usage"]["completion_tokens"], 0);
  const auto events =
      events_of(post(kText, {{"prompt", "abc"}, {"echo", true}, {"n", 2}, {"max_tokens", 2}, {"stream", true}}).body);
  EXPECT_EQ(streamed_text(events, 0), "abcxy");
  EXPECT_EQ(streamed_text(events, 1), "abcxy");
  const json again = {{"role", "assistant"}, {"content", "so "}};
  const json answer = json::parse(
      post(kChat,
           {{"messages", {user("q"), again}}, {"echo", true}, {"max_tokens", 2}, {"continue_final_message", true}})
          .body);
  EXPECT_EQ(answer["choices"][0]["message"]["content"], "so xy");
}

TEST_F(RouterTest, returns_prompt_logprobs_and_token_ids_in_their_own_fields) {
  auto& worker = add_worker({.script = bytes_of("x")});
  start();
  const json asked = {{"prompt_logprobs", 1}, {"return_token_ids", true}, {"n", 2}};
  json body = asked;
  body["prompt"] = "ab";
  const json text = json::parse(post(kText, body).body);
  EXPECT_EQ(text["choices"][1]["prompt_logprobs"][0], nullptr);
  EXPECT_EQ(text["choices"][1]["prompt_logprobs"][1]["98"]["rank"], 2);
  EXPECT_EQ(text["choices"][1]["prompt_logprobs"][1]["65"]["decoded_token"], "A");
  EXPECT_EQ(text["choices"][0]["prompt_token_ids"], json({97, 98}));
  EXPECT_EQ(text["choices"][0]["token_ids"], json({120, 256}));
  const json whole = json::parse(post(kChat, chat(asked)).body);
  EXPECT_EQ(whole["prompt_token_ids"].size(), 8U);
  EXPECT_EQ(whole["prompt_logprobs"].size(), 8U);
  EXPECT_EQ(worker.specs()[1].sampling.prompt_logprobs, -1);
  const auto events = events_of(post(kChat, chat({{"return_token_ids", true}, {"stream", true}})).body);
  EXPECT_EQ(events[0]["prompt_token_ids"].size(), 8U);
  EXPECT_EQ(events[1]["choices"][0]["token_ids"], json::array({120}));
  const json ids =
      json::parse(post(kText, {{"prompt", "a"}, {"logprobs", 1}, {"return_tokens_as_token_ids", true}}).body);
  EXPECT_EQ(ids["choices"][0]["logprobs"]["tokens"], json::array({"token_id:120"}));
}

TEST_F(RouterTest, chooses_the_best_of_several_by_mean_logprob) {
  auto& worker = add_worker({.script = bytes_of("x"), .seed_makes_unlikely = true});
  start();
  const json got =
      json::parse(post(kText, {{"prompt", "a"}, {"n", 2}, {"best_of", 3}, {"seed", 5}, {"logprobs", 0}}).body);
  // Seeds 5, 6 and 7: the last is the most likely one, then the first.
  ASSERT_EQ(got["choices"].size(), 2U);
  EXPECT_EQ(got["choices"][0]["index"], 0);
  EXPECT_EQ(got["choices"][0]["logprobs"]["token_logprobs"][0], -0.5);
  EXPECT_EQ(got["choices"][1]["logprobs"]["token_logprobs"][0], -5.5);
  EXPECT_EQ(got["usage"]["completion_tokens"], 6);
  EXPECT_EQ(got["usage"]["prompt_tokens"], 1);
  EXPECT_EQ(worker.submitted(), 3);
}

TEST_F(RouterTest, tokenizes_and_detokenizes) {
  add_worker({.script = bytes_of("x"), .max_context = 4096});
  start();
  EXPECT_EQ(
      json::parse(post("/tokenize", {{"prompt", "hé"}, {"return_token_strs", true}}).body),
      json::parse(R"({"count":3,"max_model_len":4096,"tokens":[104,195,169],"token_strs":["h","\uFFFD","\uFFFD"]})"));
  EXPECT_EQ(json::parse(post("/tokenize", chat()).body)["count"], 8);
  EXPECT_EQ(json::parse(post("/tokenize", {{"prompt", std::string(100'000, 'x')}}).body)["count"], 100'000);
  EXPECT_EQ(json::parse(post("/detokenize", {{"tokens", {104, 195, 169}}}).body), json({{"prompt", "hé"}}));
  EXPECT_EQ(post("/tokenize", {{"prompt", {"a", "b"}}}).status, 400);
  EXPECT_EQ(post("/tokenize", {{"prompt", "a"}, {"model", "other"}}).status, 404);
  EXPECT_EQ(post("/detokenize", {{"tokens", {257}}}).status, 400);
  EXPECT_EQ(get("/tokenize").status, 405);
}

TEST_F(RouterTest, serves_responses_whole_and_streamed) {
  add_worker({.script = bytes_of("abc")});
  start();
  const json whole = json::parse(post("/v1/responses", {{"input", "hi"}, {"instructions", "be kind"}}).body);
  EXPECT_TRUE(whole["id"].get<std::string>().starts_with("resp_"));
  EXPECT_EQ(whole["output"][0]["content"][0]["text"], "abc");
  EXPECT_EQ(whole["instructions"], "be kind");
  EXPECT_EQ(whole["usage"]["output_tokens"], 4);
  const auto stream = post("/v1/responses", {{"input", "hi"}, {"stream", true}, {"max_output_tokens", 2}});
  EXPECT_EQ(stream.headers.at("content-type"), "text/event-stream; charset=utf-8");
  EXPECT_TRUE(stream.body.starts_with("event: response.created\ndata: {"));
  EXPECT_NE(stream.body.find("event: response.incomplete\ndata: {"), std::string::npos);
  EXPECT_EQ(stream.body.find("[DONE]"), std::string::npos);
  EXPECT_EQ(json::parse(post("/v1/responses", {{"input", "hi"}, {"store", true}}).body)["error"]["param"], "store");
}

TEST_F(RouterTest, passes_masks_on_as_token_ids) {
  auto& worker = add_worker({.script = bytes_of("x")});
  start();
  ASSERT_EQ(post(kText, {{"prompt", "a"},
                         {"bad_words", {"no"}},
                         {"allowed_token_ids", {120, 121}},
                         {"structured_outputs", {{"regex", "x+"}}}})
                .status,
            200);
  const SamplingParams sampling = worker.specs()[0].sampling;
  EXPECT_EQ(sampling.bad_words, (std::vector<std::vector<TokenId>>{bytes_of("no")}));  // " no" has another length
  EXPECT_EQ(sampling.allowed_token_ids, bytes_of("xy"));
  EXPECT_EQ(sampling.constraint, (Constraint{Constraint::Kind::regex, "x+"}));
  const auto bad = post(kText, {{"prompt", "a"}, {"guided_regex", "("}});
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(json::parse(bad.body)["error"]["param"], "guided_regex");
  for (const char* field : {"allowed_token_ids", "stop_token_ids"}) {
    const auto refused = post(kText, {{"prompt", "a"}, {field, {257}}});
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(json::parse(refused.body)["error"]["param"], field);
  }
}

TEST_F(RouterTest, shortens_prompts_when_asked) {
  auto& worker = add_worker({.script = bytes_of("x"), .max_context = 10});
  start();
  ASSERT_EQ(post(kText, {{"prompt", "abcdef"}, {"truncate_prompt_tokens", 2}, {"max_tokens", 1}}).status, 200);
  ASSERT_EQ(post(kText,
                 {{"prompt", "abcdef"}, {"truncate_prompt_tokens", 2}, {"truncation_side", "right"}, {"max_tokens", 1}})
                .status,
            200);
  ASSERT_EQ(post(kText, {{"prompt", "abcdefghijkl"}, {"truncate_prompt_tokens", -1}, {"max_tokens", 3}}).status, 200);
  EXPECT_EQ(worker.specs()[0].tokens, bytes_of("ef"));
  EXPECT_EQ(worker.specs()[1].tokens, bytes_of("ab"));
  EXPECT_EQ(worker.specs()[2].tokens, bytes_of("fghijkl"));
  const json error = json::parse(post(kText, {{"prompt", "abcdefghij"}, {"max_tokens", 3}}).body)["error"];
  EXPECT_EQ(error["code"], "context_length_exceeded");
  EXPECT_TRUE(error["message"].get<std::string>().starts_with("This model's maximum context length is 10 tokens."));
}

TEST_F(RouterTest, takes_templates_and_names_from_the_request) {
  auto& worker = add_worker({.script = bytes_of("x")});
  start();
  const json got = json::parse(post(kChat, chat({{"chat_template", "<{{ messages[0].content }}{{ mood }}>"},
                                                 {"chat_template_kwargs", {{"mood", "!"}}},
                                                 {"request_id", "mine"}}))
                                   .body);
  EXPECT_EQ(got["id"], "chatcmpl-mine");
  EXPECT_EQ(worker.specs()[0].tokens, bytes_of("<hi!>"));
  for (const auto& [field, value] :
       {std::pair<const char*, json>{"chat_template", "{% if"}, {"documents", {{{"a", "b"}}}}}) {
    const auto refused = post(kChat, chat({{field, value}}));
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(json::parse(refused.body)["error"]["param"], field);
  }
}

TEST_F(RouterTest, tells_clients_how_long_it_took_and_whether_to_try_again) {
  start();
  const auto refused = post(kText, {{"prompt", "a"}});
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.at("x-should-retry"), "true");
  EXPECT_TRUE(refused.headers.contains("openai-processing-ms"));
  EXPECT_EQ(get("/v1/embeddings").status, 404);
  EXPECT_EQ(json::parse(get("/v1/embeddings").body)["error"]["type"], "not_found_error");
}

/// A model whose template knows tools in Mistral's way.
class MistralRouterTest : public RouterTest {
 protected:
  MistralRouterTest() {
    make_byte_model(directory, "{{ tools | length if tools else 0 }}[TOOL_CALLS]{{ messages[0].content }}");
  }
};

TEST_F(MistralRouterTest, uses_the_form_of_calls_that_the_template_shows) {
  auto& worker = add_worker({.script = bytes_of(R"([TOOL_CALLS][{"name":"f","arguments":{}}])")});
  start();
  const json choice = json::parse(post(kChat, chat({{"tools", tools()}})).body)["choices"][0];
  EXPECT_EQ(choice["message"]["tool_calls"][0]["id"].get<std::string>().size(), 9U);
  EXPECT_EQ(choice["message"]["content"], nullptr);
  EXPECT_EQ(worker.specs()[0].tokens, bytes_of("1[TOOL_CALLS]hi"));
}

/// A model with a template of its own for chats with tools.
class ToolUseRouterTest : public RouterTest {
 protected:
  ToolUseRouterTest() {
    make_byte_model(directory, "plain:{{ messages[0].content }}");
    std::filesystem::create_directories(directory / "additional_chat_templates");
    std::ofstream(directory / "additional_chat_templates" / "tool_use.jinja")
        << "[TOOL_CALLS]{{ tools | length }}:{{ messages[0].content }}";
  }
};

TEST_F(ToolUseRouterTest, takes_the_template_for_tools_when_tools_are_given) {
  auto& worker = add_worker({.script = bytes_of(R"([TOOL_CALLS][{"name":"f","arguments":{}}])")});
  start();
  const json choice = json::parse(post(kChat, chat({{"tools", tools()}})).body)["choices"][0];
  EXPECT_EQ(choice["message"]["tool_calls"][0]["id"].get<std::string>().size(), 9U);
  EXPECT_EQ(worker.specs()[0].tokens, bytes_of("[TOOL_CALLS]1:hi"));
  post(kChat, chat({{"tools", tools()}, {"tool_choice", "none"}}));
  post(kChat, chat());
  EXPECT_EQ(worker.specs()[1].tokens, bytes_of("plain:hi"));
  EXPECT_EQ(worker.specs()[2].tokens, bytes_of("plain:hi"));
}

}  // namespace
}  // namespace baton::router
