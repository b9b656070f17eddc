#include "openai/response.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "openai/json_buffer.h"
#include "openai/stream.h"

namespace baton::openai {
namespace {

using nlohmann::json;

const ResponseHead kChat{Endpoint::chat, "chatcmpl-1", 1700000000, "org/m"};
const ResponseHead kText{Endpoint::completions, "cmpl-1", 1700000000, "org/m"};

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

TEST(EncodeResponse, writes_a_chat_completion) {
  const Choice choices[] = {{"a\n", FinishReason::stop, std::string("END"), std::nullopt},
                            {"b", FinishReason::length, {}, std::nullopt}};
  const json got = json::parse(encode_response(kChat, choices, {10, 4, 8}));
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
  const Choice choices[] = {{"€", FinishReason::stop, TokenId{7}, entries}};
  const json chat = json::parse(encode_response(kChat, choices, {}))["choices"][0];
  EXPECT_EQ(chat["stop_reason"], 7);
  EXPECT_EQ(chat["logprobs"]["refusal"], nullptr);
  EXPECT_EQ(chat["logprobs"]["content"][0]["bytes"], json({0xe2, 0x82}));
  EXPECT_EQ(chat["logprobs"]["content"][0]["token"], "\uFFFD");
  EXPECT_EQ(chat["logprobs"]["content"][0]["top_logprobs"][1]["logprob"], -1.5);
  EXPECT_EQ(chat["logprobs"]["content"][1]["top_logprobs"], json::array());
  const json text = json::parse(encode_response(kText, choices, {}))["choices"][0]["logprobs"];
  EXPECT_EQ(text["tokens"].size(), 2U);
  EXPECT_EQ(text["token_logprobs"], json({-0.5, -0.25}));
  EXPECT_EQ(text["top_logprobs"][0], json({{"\uFFFD", -0.5}, {"x", -1.5}}));
  EXPECT_EQ(text["text_offset"], json({0, 1}));
}

TEST(StreamEncoder, writes_a_chat_in_the_order_clients_expect) {
  StreamEncoder encoder(kChat, {.include_usage = true});
  encoder.text(0, "a\"", {}, {});
  encoder.text(0, "b", {}, {});
  encoder.finish(0, FinishReason::stop, {}, {});
  encoder.usage({3, 2, 0});
  encoder.done();
  const auto got = events(encoder.swap_out({}));
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

TEST(StreamEncoder, writes_completions_without_a_role_and_usage_only_if_asked) {
  StreamEncoder encoder(kText, {});
  encoder.text(1, "x", {}, {});
  encoder.finish(1, FinishReason::length, {}, {});
  encoder.usage({1, 1, 0});
  encoder.done();
  const auto got = events(encoder.swap_out({}));
  ASSERT_EQ(got.size(), 3U);
  EXPECT_EQ(got[0]["object"], "text_completion");
  EXPECT_EQ(got[0]["choices"][0]["text"], "x");
  EXPECT_EQ(got[0]["choices"][0]["index"], 1);
  EXPECT_FALSE(got[0].contains("usage"));
  EXPECT_EQ(got[1]["choices"][0]["text"], "");
  EXPECT_EQ(got[1]["choices"][0]["finish_reason"], "length");
}

TEST(StreamEncoder, counts_in_every_chunk_when_usage_is_continuous) {
  StreamEncoder encoder(kText, {.include_usage = true, .continuous_usage = true});
  encoder.text(0, "x", {}, {4, 1, 0});
  EXPECT_EQ(events(encoder.swap_out({}))[0]["usage"]["total_tokens"], 5);
}

TEST(StreamEncoder, writes_an_error_event_that_sdks_raise) {
  StreamEncoder encoder(kChat, {});
  encoder.error({Errc::worker_lost, "The worker was lost."});
  encoder.done();
  const auto got = events(encoder.swap_out({}));
  EXPECT_EQ(got[0], json::parse(R"({"error":{"message":"The worker was lost.","type":"server_error","param":null,
                                    "code":"worker_lost"}})"));
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
