#include "openai/request.h"

#include <gtest/gtest.h>

#include <string>

namespace baton::openai {
namespace {

std::string chat_with(const std::string& fields) {
  return R"({"model":"m","messages":[{"role":"user","content":"hi"}])" + (fields.empty() ? "" : "," + fields) + "}";
}

std::string completion_with(const std::string& fields) {
  return R"({"model":"m","prompt":"hi")" + (fields.empty() ? "" : "," + fields) + "}";
}

Request chat(const std::string& fields) {
  auto request = parse_request(Endpoint::chat, chat_with(fields));
  EXPECT_TRUE(request) << fields << ": " << (request ? "" : request.error().message);
  return request.value_or(Request{});
}

Request completion(const std::string& fields) {
  auto request = parse_request(Endpoint::completions, completion_with(fields));
  EXPECT_TRUE(request) << fields << ": " << (request ? "" : request.error().message);
  return request.value_or(Request{});
}

struct Refusal {
  Endpoint endpoint;
  std::string fields;
  std::string param;
  Errc code = Errc::invalid_request;
};

TEST(ParseRequest, names_the_field_of_every_refusal) {
  const auto c = Endpoint::chat;
  const auto t = Endpoint::completions;
  const auto unsupported = Errc::unsupported_parameter;
  const Refusal refusals[] = {
      {c, R"("temperature":2.5)", "temperature"},
      {c, R"("temperature":-0.1)", "temperature"},
      {c, R"("temperature":"1")", "temperature"},
      {c, R"("temperature":true)", "temperature"},
      {c, R"("top_p":0)", "top_p"},
      {c, R"("top_p":1.01)", "top_p"},
      {c, R"("top_k":-2)", "top_k"},
      {c, R"("top_k":1.5)", "top_k"},
      {c, R"("min_p":-1)", "min_p"},
      {c, R"("repetition_penalty":0)", "repetition_penalty"},
      {c, R"("presence_penalty":3)", "presence_penalty"},
      {c, R"("frequency_penalty":-2.1)", "frequency_penalty"},
      {c, R"("n":0)", "n"},
      {c, R"("n":129)", "n"},
      {c, R"("n":true)", "n"},
      {c, R"("max_tokens":0)", "max_tokens"},
      {c, R"("max_tokens":4.5)", "max_tokens"},
      {c, R"("max_tokens":1e300)", "max_tokens"},
      {c, R"("max_completion_tokens":-1)", "max_completion_tokens"},
      {c, R"("min_tokens":5,"max_tokens":4)", "min_tokens"},
      {c, R"("stream":1)", "stream"},
      {c, R"("stream_options":{"include_usage":true})", "stream_options"},
      {c, R"("stream":true,"stream_options":[])", "stream_options"},
      {c, R"("stream":true,"stream_options":{"include_usage":"yes"})", "stream_options.include_usage"},
      {c, R"("stop":5)", "stop"},
      {c, R"("stop":["a","b","c","d","e"])", "stop"},
      {c, R"("stop":["a",7])", "stop"},
      {c, R"("stop":["a",""])", "stop"},
      {c, R"("seed":9223372036854775808)", "seed"},
      {c, R"("seed":"x")", "seed"},
      {c, R"("logit_bias":[1])", "logit_bias"},
      {c, R"("logit_bias":{"a":1})", "logit_bias"},
      {c, R"("logit_bias":{"1":101})", "logit_bias"},
      {c, R"("logit_bias":{"1":"x"})", "logit_bias"},
      {c, R"("logit_bias":{"-1":1})", "logit_bias"},
      {c, R"("logprobs":5)", "logprobs"},
      {c, R"("top_logprobs":5)", "top_logprobs"},
      {c, R"("logprobs":true,"top_logprobs":21)", "top_logprobs"},
      {t, R"("logprobs":21)", "logprobs"},
      {c, R"("stop_token_ids":[-1])", "stop_token_ids"},
      {c, R"("stop_token_ids":3)", "stop_token_ids"},
      {c, R"("ignore_eos":"no")", "ignore_eos"},
      {c, R"("model":5)", "model"},
      {c, R"("tools":{})", "tools"},
      {c, R"("chat_template_kwargs":[])", "chat_template_kwargs"},
      {c, R"("response_format":{"type":"json_object"})", "response_format", unsupported},
      {c, R"("response_format":"json")", "response_format"},
      {c, R"("tool_choice":"required")", "tool_choice", unsupported},
      {c, R"("tool_choice":{"type":"function"})", "tool_choice", unsupported},
      {c, R"("modalities":["text","audio"])", "modalities", unsupported},
      {c, R"("functions":[{}])", "functions", unsupported},
      {c, R"("function_call":{"name":"f"})", "function_call", unsupported},
      {c, R"("echo":true)", "echo", unsupported},
      {t, R"("suffix":"x")", "suffix", unsupported},
      {t, R"("best_of":2)", "best_of", unsupported},
      {t, R"("use_beam_search":true)", "use_beam_search", unsupported},
      {t, R"("prompt_logprobs":0)", "prompt_logprobs", unsupported},
      {t, R"("structured_outputs":{"json":{}})", "structured_outputs", unsupported},
      {t, R"("bad_words":["x"])", "bad_words", unsupported},
  };
  for (const Refusal& refusal : refusals) {
    const bool is_chat = refusal.endpoint == c;
    const auto got =
        parse_request(refusal.endpoint, is_chat ? chat_with(refusal.fields) : completion_with(refusal.fields));
    ASSERT_FALSE(got) << refusal.fields;
    EXPECT_EQ(got.error().param, refusal.param) << refusal.fields;
    EXPECT_EQ(got.error().code, refusal.code) << refusal.fields;
    EXPECT_NE(got.error().message.find(refusal.param), std::string::npos) << got.error().message;
  }
}

TEST(ParseRequest, refuses_bad_json_without_naming_our_parser) {
  const std::string bodies[] = {"",     "{",      "[]",  "null",           "5",   R"({"a":NaN})", R"({"a":Infinity})",
                                "{\"a\":\"\xff\"}", "{\"a\":\"\xed\xa0\x80\"}", R"({"a":1e999})", "{} x", "\xef\xbb\xbf",
                                std::string(200, '['), R"({"a":)" + std::string(100000, '[')};
  for (const std::string& body : bodies) {
    const auto got = parse_request(Endpoint::chat, body);
    ASSERT_FALSE(got) << body.substr(0, 40);
    EXPECT_EQ(got.error().code, Errc::invalid_request);
    EXPECT_EQ(got.error().message.find("json.exception"), std::string::npos);
  }
}

TEST(ParseRequest, refuses_bad_messages_by_their_index) {
  struct Case { std::string messages, param; };
  const Case cases[] = {
      {"[]", "messages"},
      {"{}", "messages"},
      {"null", "messages"},
      {"[5]", "messages[0]"},
      {R"([{"content":"x"}])", "messages[0].role"},
      {R"([{"role":"user","content":"x"},{"role":"robot","content":"x"}])", "messages[1].role"},
      {R"([{"role":"user"}])", "messages[0].content"},
      {R"([{"role":"user","content":5}])", "messages[0].content"},
      {R"([{"role":"user","content":[{"type":"image_url","image_url":{}}]}])", "messages[0].content"},
      {R"([{"role":"user","content":[{"type":"text"}]}])", "messages[0].content.text"},
      {R"([{"role":"user","content":[{}]}])", "messages[0].content"},
      {R"([{"role":"assistant","tool_calls":5}])", "messages[0].tool_calls"},
  };
  for (const Case& c : cases) {
    const auto got = parse_request(Endpoint::chat, R"({"messages":)" + c.messages + "}");
    ASSERT_FALSE(got) << c.messages;
    EXPECT_EQ(got.error().param, c.param) << c.messages;
  }
}

TEST(ParseRequest, takes_null_as_absent_and_ignores_what_cannot_change_the_output) {
  const Request request = chat(
      R"("temperature":null,"stop":null,"n":null,"stream":null,"tools":null,"seed":null,"logprobs":null,)"
      R"("user":"u","metadata":{"a":"b"},"store":true,"service_tier":"auto","prediction":{},"whatever":[1,{"x":2}])");
  EXPECT_EQ(request.sampling.temperature, 1.0F);
  EXPECT_TRUE(request.stop.empty());
  EXPECT_FALSE(request.seed);
  EXPECT_FALSE(request.max_tokens);
  EXPECT_EQ(request.sampling.logprobs, -1);
}

TEST(ParseRequest, reads_every_sampling_field) {
  const Request request = chat(
      R"("temperature":0.5,"top_p":0.25,"top_k":7.0,"min_p":0.125,"repetition_penalty":1.5,"presence_penalty":-2,)"
      R"("frequency_penalty":2,"logit_bias":{"5":-100,"6":1.5},"seed":-1,"logprobs":true,"top_logprobs":3,)"
      R"("min_tokens":2,"ignore_eos":true,"stop_token_ids":[3,4.0],"max_tokens":9,"max_completion_tokens":8,"n":2)");
  EXPECT_EQ(request.sampling.temperature, 0.5F);
  EXPECT_EQ(request.sampling.top_p, 0.25F);
  EXPECT_EQ(request.sampling.top_k, 7);
  EXPECT_EQ(request.sampling.min_p, 0.125F);
  EXPECT_EQ(request.sampling.repetition_penalty, 1.5F);
  EXPECT_EQ(request.sampling.presence_penalty, -2.0F);
  EXPECT_EQ(request.sampling.frequency_penalty, 2.0F);
  EXPECT_EQ(request.sampling.logit_bias, (std::vector<std::pair<TokenId, float>>{{5, -100.0F}, {6, 1.5F}}));
  EXPECT_EQ(request.seed, UINT64_MAX);
  EXPECT_EQ(request.sampling.logprobs, 3);
  EXPECT_EQ(request.sampling.min_tokens, 2);
  EXPECT_TRUE(request.sampling.ignore_eos);
  EXPECT_EQ(request.sampling.stop_token_ids, (std::vector<TokenId>{3, 4}));
  EXPECT_EQ(request.max_tokens, 8);
  EXPECT_EQ(request.choice_count(), 2U);
}

TEST(ParseRequest, joins_text_parts_and_keeps_roles) {
  const auto request = parse_request(
      Endpoint::chat,
      R"({"messages":[{"role":"system","content":"s"},{"role":"user","name":null,"content":[{"type":"text","text":"a"},)"
      R"({"type":"text","text":"b"}]},{"role":"assistant","content":null,"tool_calls":[{"id":"1"}]},)"
      R"({"role":"tool","tool_call_id":"1","content":"r"}]})");
  ASSERT_TRUE(request) << request.error().message;
  ASSERT_EQ(request->messages.size(), 4U);
  EXPECT_EQ(request->messages[1].content, "a\nb");
  EXPECT_EQ(request->messages[2].tool_calls_json, R"([{"id":"1"}])");
  EXPECT_EQ(request->messages[3].tool_call_id, "1");
}

TEST(ParseRequest, accepts_every_form_of_prompt) {
  const auto prompts = [](const std::string& prompt) {
    auto request = parse_request(Endpoint::completions, R"({"prompt":)" + prompt + "}");
    EXPECT_TRUE(request) << prompt;
    return request ? request->prompts : std::vector<Prompt>{};
  };
  EXPECT_EQ(prompts(R"("x")"), (std::vector<Prompt>{"x"}));
  EXPECT_EQ(prompts(R"(["x"])"), (std::vector<Prompt>{"x"}));
  EXPECT_EQ(prompts(R"(["x","y"])"), (std::vector<Prompt>{"x", "y"}));
  EXPECT_EQ(prompts("[1,2]"), (std::vector<Prompt>{std::vector<TokenId>{1, 2}}));
  EXPECT_EQ(prompts("[[1],[2]]"), (std::vector<Prompt>{std::vector<TokenId>{1}, std::vector<TokenId>{2}}));
  for (const std::string bad : {"null", "[]", "5", "[[]]", "[-1]", "[1,\"a\"]", "[1.5]", "[true]", "{}"}) {
    const auto got = parse_request(Endpoint::completions, R"({"prompt":)" + bad + "}");
    ASSERT_FALSE(got) << bad;
    EXPECT_EQ(got.error().param, "prompt");
  }
}

TEST(ParseRequest, gives_each_endpoint_its_own_defaults) {
  EXPECT_EQ(completion("").max_tokens, 16);
  EXPECT_EQ(completion(R"("min_tokens":20)").max_tokens, 20);
  EXPECT_TRUE(completion("").add_special_tokens);
  EXPECT_FALSE(chat("").add_special_tokens);
  EXPECT_EQ(completion(R"("logprobs":0)").sampling.logprobs, 0);
  EXPECT_EQ(completion(R"("best_of":2,"n":2)").n, 2);
  EXPECT_EQ(chat(R"("stop":"")").stop, std::vector<std::string>{});
  EXPECT_EQ(chat(R"("tools":[{"type":"function"}],"tool_choice":"none")").tools_json, "");
  EXPECT_EQ(chat(R"("tools":[{"type":"function"}])").tools_json, R"([{"type":"function"}])");
  EXPECT_TRUE(chat(R"("stream":true,"stream_options":{"include_usage":true})").include_usage);
}

TEST(ParseRequest, takes_the_last_of_duplicate_keys) {
  EXPECT_EQ(chat(R"("max_tokens":3,"max_tokens":5)").max_tokens, 5);
}

}  // namespace
}  // namespace baton::openai
