#include "openai/response.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "openai/json_buffer.h"
#include "openai/stream.h"

namespace baton::openai {
namespace {

using nlohmann::json;

const ResponseHead kChat{Endpoint::chat, "chatcmpl-1", 1700000000, "org/m", ""};
const ResponseHead kText{Endpoint::completions, "cmpl-1", 1700000000, "org/m", ""};

std::vector<json> events(std::string text) {
  std::vector<json> parsed;
  while (!text.empty()) {
    const std::size_t end = text.find("\n\n");
    EXPECT_NE(end, std::string::npos);
    const std::string line = text.substr(0, end);
    EXPECT_TRUE(line.starts_with("data: ") && line.find('\n') == std::string::npos) << line;
    parsed.push_back(line == "data: [DONE]" ? json("[DONE]") : json::parse(line.substr(6)));
    text.erase(0, end + 2);
  }
  return parsed;
}

TEST(JsonBuffer, escapes_so_that_a_parser_reads_the_same_text_back) {
  std::string all;
  for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
  all += "é€😀\u2028";
  JsonBuffer buffer;
  buffer.string(all);
  EXPECT_EQ(json::parse(buffer.view()).get<std::string>(), all);
}

TEST(JsonBuffer, replaces_bytes_that_are_not_utf8) {
  const std::pair<std::string, std::string> cases[] = {
      {"\xff", "\uFFFD"},           {"a\xe2\x82", "a\uFFFD"},          {"\xe2\x82z", "\uFFFDz"},
      {"\xc0\xaf", "\uFFFD\uFFFD"}, {"\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD"}, {"\xf0\x9f\x98", "\uFFFD"},
      {"\xf4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"}, {"\x80", "\uFFFD"}};
  for (const auto& [bytes, text] : cases) {
    JsonBuffer buffer;
    buffer.string(bytes);
    EXPECT_EQ(json::parse(buffer.view()).get<std::string>(), text);
  }
}

TEST(JsonBuffer, writes_floats_that_read_back_and_no_infinities) {
  for (const float value : {0.0F, -0.1F, 1e-38F, 3.4e38F, -12.25F}) {
    JsonBuffer buffer;
    buffer.number(value);
    EXPECT_EQ(json::parse(buffer.view()).get<float>(), value);
  }
  JsonBuffer buffer;
  buffer.number(-std::numeric_limits<float>::infinity());
  EXPECT_EQ(buffer.view(), "-9999.0");
}

Answer answer_of(const ResponseHead& head, std::vector<Choice> choices, Usage usage = {}) {
  return {.head = head, .choices = std::move(choices), .prompts = {}, .usage = usage};
}

TEST(EncodeResponse, writes_a_chat_completion) {
  const Choice a{.text = "a\n", .end = {FinishReason::stop, std::string("END")}};
  const Choice b{.text = "b", .end = {FinishReason::length, {}}};
  const json got = json::parse(encode_response(answer_of(kChat, {a, b}, {10, 4, 8})));
  const json expected = json::parse(R"({"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"org/m",
    "choices":[{"index":0,"message":{"role":"assistant","content":"a\n","refusal":null},"logprobs":null,
    "finish_reason":"stop","stop_reason":"END"},{"index":1,"message":{"role":"assistant","content":"b","refusal":null},
    "logprobs":null,"finish_reason":"length","stop_reason":null}],
    "usage":{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":8}}})");
  EXPECT_EQ(got, expected);
}

TEST(EncodeResponse, writes_both_forms_of_logprobs) {
  const std::vector<LogprobEntry> entries{{{"\xe2\x82", -0.5F}, {{"\xe2\x82", -0.5F}, {"x", -1.5F}, {"x", -2.0F}}, 0},
                                          {{"\xac", -0.25F}, {}, 1}};
  const Choice choice{.text = "€", .logprobs = entries, .end = {FinishReason::stop, TokenId{7}}};
  const json chat = json::parse(encode_response(answer_of(kChat, {choice})))["choices"][0];
  EXPECT_EQ(chat["stop_reason"], 7);
  EXPECT_EQ(chat["logprobs"]["refusal"], nullptr);
  EXPECT_EQ(chat["logprobs"]["content"][0]["bytes"], json({0xe2, 0x82}));
  EXPECT_EQ(chat["logprobs"]["content"][0]["token"], "\uFFFD");
  EXPECT_EQ(chat["logprobs"]["content"][0]["top_logprobs"][1]["logprob"], -1.5);
  EXPECT_EQ(chat["logprobs"]["content"][1]["top_logprobs"], json::array());
  const json text = json::parse(encode_response(answer_of(kText, {choice})))["choices"][0]["logprobs"];
  EXPECT_EQ(text["tokens"].size(), 2U);
  EXPECT_EQ(text["token_logprobs"], json({-0.5, -0.25}));
  EXPECT_EQ(text["top_logprobs"][0], json({{"\uFFFD", -0.5}, {"x", -1.5}}));
  EXPECT_EQ(text["top_logprobs"][1], json({{"\uFFFD", -0.25}}));  // the token itself is always there
  EXPECT_EQ(text["text_offset"], json({0, 1}));
}

TEST(EncodeResponse, shows_prompts_with_each_choice_of_a_completion_and_once_for_a_chat) {
  PromptPart part;
  part.token_ids = {1, 2};
  part.logprobs = {PromptToken{}, PromptToken{{{2, {"b", -0.5F}, 0}, {7, {"x", -0.25F}, 1}}}};
  Answer answer{.head = kText, .choices = {{.token_ids = {5}}, {.token_ids = {6}}}, .prompts = {part}, .token_ids = true};
  const json expected = json::parse(R"([null,{"2":{"logprob":-0.5,"rank":null,"decoded_token":"b"},
                                              "7":{"logprob":-0.25,"rank":1,"decoded_token":"x"}}])");
  const json text = json::parse(encode_response(answer));
  EXPECT_EQ(text["choices"][1]["prompt_token_ids"], json({1, 2}));
  EXPECT_EQ(text["choices"][1]["prompt_logprobs"], expected);
  EXPECT_EQ(text["choices"][1]["token_ids"], json::array({6}));
  answer.head = kChat;
  const json chat = json::parse(encode_response(answer));
  EXPECT_EQ(chat["prompt_token_ids"], json({1, 2}));
  EXPECT_EQ(chat["prompt_logprobs"], expected);
  EXPECT_FALSE(chat["choices"][0].contains("prompt_logprobs"));
}

TEST(EncodeResponse, marks_the_first_prompt_token_of_an_echo) {
  const std::vector<LogprobEntry> entries{{{"a", 0.0F}, {}, 0, true}, {{"b", -1.0F}, {}, 1}};
  const Choice choice{.text = "ab", .logprobs = entries};
  const json logprobs = json::parse(encode_response(answer_of(kText, {choice})))["choices"][0]["logprobs"];
  EXPECT_EQ(logprobs["token_logprobs"], json({nullptr, -1.0}));
  EXPECT_EQ(logprobs["top_logprobs"][0], nullptr);
}

Piece text_piece(std::string text) {
  Piece piece;
  piece.text = std::move(text);
  return piece;
}

TEST(Stream, writes_a_chat_in_the_order_clients_expect) {
  const auto stream = make_stream(kChat, {.include_usage = true});
  stream->piece(0, text_piece("a\""), {});
  stream->piece(0, text_piece("b"), {});
  stream->finish(0, {}, {});
  stream->end({3, 2, 0});
  const auto got = events(stream->swap_out({}));
  ASSERT_EQ(got.size(), 6U);
  EXPECT_EQ(got[0]["choices"][0]["delta"], json::parse(R"({"role":"assistant","content":""})"));
  EXPECT_EQ(got[0]["object"], "chat.completion.chunk");
  EXPECT_EQ(got[1]["choices"][0]["delta"], json::parse(R"({"content":"a\""})"));
  EXPECT_TRUE(got[1]["choices"][0].contains("finish_reason"));
  EXPECT_EQ(got[1]["usage"], nullptr);
  EXPECT_EQ(got[3]["choices"][0]["delta"], json::object());
  EXPECT_EQ(got[3]["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(got[4]["choices"], json::array());
  EXPECT_EQ(got[4]["usage"]["total_tokens"], 5);
  EXPECT_EQ(got[5], "[DONE]");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(got[i]["id"], "chatcmpl-1");
    EXPECT_FALSE(got[i].contains("error"));
  }
}

TEST(Stream, writes_completions_without_a_role_and_usage_only_if_asked) {
  const auto stream = make_stream(kText, {});
  stream->piece(1, text_piece("x"), {});
  stream->finish(1, {.reason = FinishReason::length}, {});
  stream->end({1, 1, 0});
  const auto got = events(stream->swap_out({}));
  ASSERT_EQ(got.size(), 3U);
  EXPECT_EQ(got[0]["object"], "text_completion");
  EXPECT_EQ(got[0]["choices"][0]["text"], "x");
  EXPECT_EQ(got[0]["choices"][0]["index"], 1);
  EXPECT_FALSE(got[0].contains("usage"));
  EXPECT_EQ(got[1]["choices"][0]["text"], "");
  EXPECT_EQ(got[1]["choices"][0]["finish_reason"], "length");
}

TEST(Stream, counts_in_every_chunk_when_usage_is_continuous) {
  const auto stream = make_stream(kText, {.include_usage = true, .continuous_usage = true});
  stream->piece(0, text_piece("x"), {4, 1, 0});
  EXPECT_EQ(events(stream->swap_out({}))[0]["usage"]["total_tokens"], 5);
}

TEST(Stream, shows_token_ids_of_the_prompt_first) {
  for (const ResponseHead& head : {kText, kChat}) {
    const auto stream = make_stream(head, {.token_ids = true, .prompts = {{1, 2}, {3}}, .choices_per_prompt = 2});
    Piece piece = text_piece("x");
    piece.token_ids = {9};
    stream->piece(2, piece, {});
    stream->piece(2, piece, {});
    const auto got = events(stream->swap_out({}));
    const bool chat = head.endpoint == Endpoint::chat;
    EXPECT_EQ(chat ? got[0]["prompt_token_ids"] : got[0]["choices"][0]["prompt_token_ids"], json::array({3}));
    EXPECT_EQ(got[1]["choices"][0]["token_ids"], json::array({9}));
    EXPECT_FALSE(got[1]["choices"][0].contains("prompt_token_ids"));
  }
}

TEST(Stream, writes_an_error_event_that_sdks_raise) {
  const auto stream = make_stream(kChat, {});
  stream->fail({Errc::worker_lost, "The worker was lost."});
  const auto got = events(stream->swap_out({}));
  EXPECT_EQ(got[0], json::parse(R"({"error":{"message":"The worker was lost.","type":"server_error","param":null,
                                    "code":"worker_lost"}})"));
  EXPECT_EQ(got[1], "[DONE]");
}

Piece call_piece(std::string id, std::string name, std::string arguments) {
  Piece piece;
  piece.calls.push_back({0, std::move(id), std::move(name), std::move(arguments)});
  return piece;
}

TEST(Stream, writes_tool_calls_as_deltas_that_add_up_to_the_whole_message) {
  const auto stream = make_stream(kChat, {});
  Choice whole;
  for (Piece piece : {call_piece("call_1", "f", ""), call_piece("", "", R"({"a")"), call_piece("", "", ":1}")}) {
    stream->piece(0, piece, {});
    whole.append(piece);
  }
  stream->finish(0, {.reason = FinishReason::stop, .called_tools = true}, {});
  const auto got = events(stream->swap_out({}));
  EXPECT_EQ(got[1]["choices"][0]["delta"], json::parse(R"({"tool_calls":[{"index":0,"id":"call_1","type":"function",
                                                           "function":{"name":"f","arguments":""}}]})"));
  EXPECT_EQ(got[2]["choices"][0]["delta"],
            json::parse(R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]})"));
  EXPECT_EQ(got[4]["choices"][0]["finish_reason"], "tool_calls");
  whole.end.called_tools = true;
  const json message = json::parse(encode_response(answer_of(kChat, {whole})))["choices"][0]["message"];
  EXPECT_EQ(message["content"], nullptr);
  EXPECT_EQ(message["tool_calls"], json::parse(R"([{"id":"call_1","type":"function",
                                                    "function":{"name":"f","arguments":"{\"a\":1}"}}])"));
}

/// The `data:` of typed events, after a check of their framing.
std::vector<json> typed_events(const std::string& text) {
  std::vector<json> parsed;
  std::size_t at = 0;
  for (std::size_t end = 0; (end = text.find("\n\n", at)) != std::string::npos; at = end + 2) {
    const std::string event = text.substr(at, end - at);
    const std::size_t line = event.find('\n');
    parsed.push_back(json::parse(event.substr(line + 7)));
    EXPECT_EQ(event.substr(0, line), "event: " + parsed.back()["type"].get<std::string>());
    EXPECT_EQ(parsed.back()["sequence_number"], parsed.size() - 1);
  }
  EXPECT_EQ(at, text.size());
  return parsed;
}

TEST(Responses, streams_typed_events_that_end_with_the_whole_answer) {
  const ResponseHead head{Endpoint::responses, "resp_1", 1700000000, "org/m", R"("temperature":1.0)"};
  const auto stream = make_stream(head, {});
  Choice whole;
  for (Piece piece : {text_piece("a"), text_piece("b"), call_piece("call_1", "f", ""), call_piece("", "", "{}")}) {
    stream->piece(0, piece, {});
    whole.append(piece);
  }
  stream->finish(0, {}, {});
  stream->end({3, 2, 1});
  const auto got = typed_events(stream->swap_out({}));
  std::vector<std::string> types;
  for (const json& event : got) types.push_back(event["type"]);
  EXPECT_EQ(types, (std::vector<std::string>{
                       "response.created", "response.in_progress", "response.output_item.added",
                       "response.content_part.added", "response.output_text.delta", "response.output_text.delta",
                       "response.output_text.done", "response.content_part.done", "response.output_item.done",
                       "response.output_item.added", "response.function_call_arguments.delta",
                       "response.function_call_arguments.done", "response.output_item.done", "response.completed"}));
  EXPECT_EQ(got[6]["text"], "ab");
  EXPECT_EQ(got.back()["response"], json::parse(encode_response(answer_of(head, {whole}, {3, 2, 1}))));
  EXPECT_EQ(got.back()["response"]["output"][1]["arguments"], "{}");
  EXPECT_EQ(got.back()["response"]["usage"]["input_tokens_details"]["cached_tokens"], 1);
  EXPECT_EQ(got[0]["response"]["status"], "in_progress");
}

TEST(Responses, says_how_it_ended_when_that_was_early) {
  const ResponseHead head{Endpoint::responses, "resp_1", 1700000000, "org/m", ""};
  auto stream = make_stream(head, {});
  stream->finish(0, {.reason = FinishReason::length}, {});
  stream->end({});
  const auto cut = typed_events(stream->swap_out({}));
  EXPECT_EQ(cut.back()["type"], "response.incomplete");
  EXPECT_EQ(cut.back()["response"]["incomplete_details"]["reason"], "max_output_tokens");
  stream = make_stream(head, {});
  stream->fail({Errc::worker_lost, "lost"});
  const auto failed = typed_events(stream->swap_out({}));
  EXPECT_EQ(failed.back()["type"], "response.failed");
  EXPECT_EQ(failed.back()["response"]["error"]["message"], "lost");
}

TEST(EncodeTokens, follows_the_shape_of_vllm) {
  const std::vector<TokenId> ids{1, 2};
  EXPECT_EQ(json::parse(encode_tokens(ids, 9, std::nullopt)),
            json::parse(R"({"count":2,"max_model_len":9,"tokens":[1,2],"token_strs":null})"));
  EXPECT_EQ(json::parse(encode_tokens(ids, 9, std::vector<std::string>{"a", "\xff"}))["token_strs"],
            json({"a", "\uFFFD"}));
  EXPECT_EQ(encode_prompt("a\""), R"({"prompt":"a\""})");
}

TEST(EncodeError, follows_the_table) {
  const json got = json::parse(encode_error({Errc::invalid_request, "bad \"n\"", "n"}));
  EXPECT_EQ(got, json::parse(R"({"error":{"message":"bad \"n\"","type":"invalid_request_error","param":"n","code":null}})"));
}

TEST(EncodeModels, list_and_single_have_the_same_card) {
  const ModelCard card{"org/m", 5, 4096};
  const json single = json::parse(encode_model(card));
  const json list = json::parse(encode_model_list(std::span(&card, 1)));
  EXPECT_EQ(single["id"], "org/m");
  EXPECT_EQ(single["max_model_len"], 4096);
  EXPECT_EQ(list["object"], "list");
  EXPECT_EQ(list["data"][0], single);
  EXPECT_EQ(json::parse(encode_model_list({}))["data"], json::array());
}

}  // namespace
}  // namespace baton::openai
