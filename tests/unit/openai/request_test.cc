#include "openai/request.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

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

void expect_refused(const std::vector<Refusal>& refusals) {
  for (const Refusal& refusal : refusals) {
    const bool is_chat = refusal.endpoint == Endpoint::chat;
    const auto got =
        parse_request(refusal.endpoint, is_chat ? chat_with(refusal.fields) : completion_with(refusal.fields));
    ASSERT_FALSE(got) << refusal.fields;
    EXPECT_EQ(got.error().param, refusal.param) << refusal.fields;
    EXPECT_EQ(got.error().code, refusal.code) << refusal.fields;
    EXPECT_NE(got.error().message.find(refusal.param), std::string::npos) << got.error().message;
  }
}

TEST(ParseRequest, names_the_field_of_every_refusal) {
  const auto c = Endpoint::chat;
  const auto t = Endpoint::completions;
  expect_refused({
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
  });
}

TEST(ParseRequest, names_the_field_of_every_feature_that_is_not_there_or_misused) {
  const auto c = Endpoint::chat;
  const auto t = Endpoint::completions;
  const auto unsupported = Errc::unsupported_parameter;
  expect_refused({
      {c, R"("response_format":"json")", "response_format"},
      {c, R"("response_format":{"type":"xml"})", "response_format"},
      {c, R"("response_format":{"type":"json_schema"})", "response_format"},
      {c, R"("response_format":{"type":"json_object"},"guided_regex":"a")", "guided_regex"},
      {c, R"("structured_outputs":{"grammar":"x"})", "structured_outputs.grammar", unsupported},
      {c, R"("structured_outputs":[])", "structured_outputs"},
      {c, R"("structured_outputs":{"choice":[]})", "structured_outputs.choice"},
      {t, R"("guided_grammar":"x")", "guided_grammar", unsupported},
      {t, R"("guided_json":5)", "guided_json"},
      {t, R"("guided_choice":[1])", "guided_choice"},
      {c, R"("tool_choice":"required")", "tool_choice"},
      {c, R"("tools":[5])", "tools[0]"},
      {c, R"("tools":[{"type":"retrieval"}])", "tools[0]"},
      {c, R"("tools":[{"type":"function","function":{"name":"a b"}}])", "tools[0].function.name"},
      {c, R"("tools":[{"type":"function","function":{"name":"f","parameters":1}}])", "tools[0].function.parameters"},
      {c, R"("tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"f")", "tool_choice"},
      {c, R"("tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"function","function":{"name":"g"}})",
       "tool_choice"},
      {c, R"("tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required","guided_regex":"a")",
       "tool_choice"},
      {c, R"("modalities":["text","audio"])", "modalities", unsupported},
      {c, R"("functions":[{}])", "functions", unsupported},
      {c, R"("function_call":{"name":"f"})", "function_call", unsupported},
      {c, R"("continue_final_message":true,"add_generation_prompt":true)", "continue_final_message"},
      {c, R"("documents":"x")", "documents"},
      {c, R"("priority":1)", "priority", unsupported},
      {c, R"("cache_salt":"x")", "cache_salt", unsupported},
      {c, R"("request_id":"a\nb")", "request_id"},
      {c, R"("truncate_prompt_tokens":0)", "truncate_prompt_tokens"},
      {c, R"("truncation_side":"up")", "truncation_side"},
      {c, R"("allowed_token_ids":[])", "allowed_token_ids"},
      {c, R"("allowed_token_ids":["a"])", "allowed_token_ids"},
      {c, R"("bad_words":"x")", "bad_words"},
      {c, R"("bad_words":[""])", "bad_words"},
      {c, R"("prompt_logprobs":21)", "prompt_logprobs"},
      {c, R"("prompt_logprobs":1,"stream":true)", "prompt_logprobs"},
      {t, R"("suffix":"x")", "suffix", unsupported},
      {t, R"("best_of":1,"n":2)", "best_of"},
      {t, R"("best_of":2,"stream":true)", "best_of"},
      {t, R"("best_of":129)", "best_of"},
      {t, R"("max_tokens":0)", "max_tokens"},
      {t, R"("use_beam_search":true)", "use_beam_search", unsupported},
      {t, R"("tools":[{"type":"function"}])", "tools", unsupported},
      {t, R"("logits_processors":["x"])", "logits_processors", unsupported},
  });
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
  EXPECT_EQ(request.n, 2);
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
  EXPECT_TRUE(chat(R"("stream":true,"stream_options":{"include_usage":true})").include_usage);
}

const std::string kTools =
    R"("tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":)"
    R"({"city":{"$ref":"#/$defs/city"}},"$defs":{"city":{"type":"string"}}}}},{"type":"function","function":{"name":"now"}}])";

TEST(ParseRequest, keeps_tools_in_the_order_of_their_members) {
  EXPECT_EQ(chat(kTools + R"(,"tool_choice":"none")").tools.json, "");
  const Tools tools = chat(kTools).tools;
  EXPECT_EQ("\"tools\":" + tools.json, kTools);
  EXPECT_EQ(tools.choice, Tools::Choice::automatic);
  EXPECT_EQ(tools.names, (std::vector<std::string>{"weather", "now"}));
}

TEST(ParseRequest, turns_forced_tool_calls_into_constraints) {
  const Request named = chat(kTools + R"(,"tool_choice":{"type":"function","function":{"name":"now"}})");
  EXPECT_EQ(named.sampling.constraint, (Constraint{Constraint::Kind::json_schema, R"({"type":"object"})"}));
  EXPECT_EQ(named.tools.named, "now");
  const Request any = chat(kTools + R"(,"tool_choice":"required","parallel_tool_calls":false)");
  EXPECT_EQ(any.sampling.constraint.source,
            R"({"type":"array","minItems":1,"maxItems":1,"$defs":{"city":{"type":"string"}},"items":{"anyOf":[)"
            R"({"type":"object","properties":{"name":{"const":"weather"},"parameters":{"type":"object","properties":)"
            R"({"city":{"$ref":"#/$defs/city"}}}},"required":["name","parameters"],"additionalProperties":false},)"
            R"({"type":"object","properties":{"name":{"const":"now"},"parameters":{"type":"object"}},)"
            R"("required":["name","parameters"],"additionalProperties":false}]}})");
}

TEST(ParseRequest, reads_constraints_in_all_their_forms) {
  using Kind = Constraint::Kind;
  struct Case { std::string fields; Constraint expected; };
  const Case cases[] = {
      {R"("response_format":{"type":"text"})", {}},
      {R"("response_format":{"type":"json_object"})", {Kind::json_object, ""}},
      {R"("response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"z":1,"a":2}}})",
       {Kind::json_schema, R"({"z":1,"a":2})"}},
      {R"("structured_outputs":{"regex":"a+"})", {Kind::regex, "a+"}},
      {R"("structured_outputs":{"json_object":true})", {Kind::json_object, ""}},
      {R"("structured_outputs":{"json":"{\"type\":\"null\"}"})", {Kind::json_schema, R"({"type":"null"})"}},
      {R"("guided_json":{"type":"null"})", {Kind::json_schema, R"({"type":"null"})"}},
      {R"("guided_choice":["b","a"])", {Kind::choice, R"(["b","a"])"}},
      {R"("guided_regex":"x")", {Kind::regex, "x"}},
  };
  for (const Case& c : cases) EXPECT_EQ(chat(c.fields).sampling.constraint, c.expected) << c.fields;
}

TEST(ParseRequest, asks_workers_for_what_is_to_be_shown) {
  const Request echo = completion(R"("echo":true,"logprobs":2,"max_tokens":0)");
  EXPECT_TRUE(echo.shown.echo && echo.shown.discard_output);
  EXPECT_EQ(echo.max_tokens, 1);
  EXPECT_EQ(echo.sampling.prompt_logprobs, 2);
  EXPECT_EQ(echo.shown.prompt_logprobs, -1);
  const Request best = completion(R"("best_of":3,"prompt_logprobs":1)");
  EXPECT_EQ(best.best_of, 3);
  EXPECT_EQ(best.sampling.logprobs, 0);
  EXPECT_EQ(best.shown.logprobs, -1);
  EXPECT_EQ(best.sampling.prompt_logprobs, 1);
  EXPECT_EQ(chat(R"("truncate_prompt_tokens":-1)").truncate_prompt_tokens, -1);
  EXPECT_EQ(chat(R"("bad_words":["a"],"allowed_token_ids":[5,6])").sampling.allowed_token_ids,
            (std::vector<TokenId>{5, 6}));
  EXPECT_FALSE(chat(R"("continue_final_message":true)").add_generation_prompt);
}

TEST(ParseRequest, gives_long_strings_as_the_parser_alone_would) {
  const std::string filler(600, 'x');
  const std::pair<std::string, std::string> cases[] = {
      {filler + R"(\"\\\/\b\f\n\r\t)", filler + "\"\\/\b\f\n\r\t"},
      {R"(\u0041\u00e9\u20ac\ud83d\ude00)" + filler, "Aé€😀" + filler},
      {"é€😀" + filler, "é€😀" + filler},
      {R"(\u0000)" + filler, std::string(1, '\0') + filler}};
  for (const auto& [raw, text] : cases) {
    const auto request = parse_request(Endpoint::completions, R"({"user":"\u00000","prompt":[")" + raw + R"(","b"]})");
    ASSERT_TRUE(request) << request.error().message;
    EXPECT_EQ(std::get<std::string>(request->prompts[0]), text);
    const auto without_mark = parse_request(Endpoint::completions, R"({"prompt":[")" + raw + R"(","b"]})");
    ASSERT_TRUE(without_mark);
    EXPECT_EQ(without_mark->prompts, request->prompts);
  }
  for (const std::string bad : {"\x01", "\xff", "\\x", "\\ud800", "\\udc00", "\\ud83dx", "\\u12g4", "\\"}) {
    EXPECT_FALSE(parse_request(Endpoint::completions, "{\"prompt\":\"" + filler + bad + "\"}")) << bad;
  }
  EXPECT_TRUE(parse_request(Endpoint::completions, "{\"" + filler + "\":1,\"prompt\":\"" + filler + "\"}"));
}

TEST(ParseRequest, reads_large_objects_in_linear_time) {
  std::string body = R"({"prompt":"x")";
  for (int i = 0; i < 100'000; ++i) body += ",\"k" + std::to_string(i) + "\":0";
  EXPECT_TRUE(parse_request(Endpoint::completions, body + R"(,"n":2})"));
}

TEST(ParseRequest, reads_the_responses_endpoint) {
  const auto request = parse_request(Endpoint::responses, R"({"model":"m","instructions":"be kind","input":[
    {"role":"user","content":[{"type":"input_text","text":"hi"}]},
    {"type":"reasoning","summary":[]},
    {"type":"function_call","call_id":"c1","name":"f","arguments":"{\"a\":1}"},
    {"type":"function_call","call_id":"c2","name":"g","arguments":"{}"},
    {"type":"function_call_output","call_id":"c1","output":"42"}],
    "max_output_tokens":7,"text":{"format":{"type":"json_schema","name":"s","schema":{"type":"null"}}},
    "tools":[{"type":"function","name":"f","parameters":{"type":"object"}}],"store":false,"metadata":{"a":"b"}})");
  ASSERT_TRUE(request) << request.error().message;
  ASSERT_EQ(request->messages.size(), 4U);
  EXPECT_EQ(request->messages[0].role, "system");
  EXPECT_EQ(request->messages[1].content, "hi");
  EXPECT_EQ(request->messages[2].tool_calls_json,
            R"([{"id":"c1","type":"function","function":{"name":"f","arguments":{"a":1}}},)"
            R"({"id":"c2","type":"function","function":{"name":"g","arguments":{}}}])");
  EXPECT_EQ(request->messages[3].tool_call_id, "c1");
  EXPECT_EQ(request->max_tokens, 7);
  EXPECT_EQ(request->sampling.constraint.source, R"({"type":"null"})");
  EXPECT_EQ(request->tools.names, std::vector<std::string>{"f"});
  EXPECT_NE(request->echo_json.find(R"("metadata":{"a":"b"})"), std::string::npos);
  const auto plain = parse_request(Endpoint::responses, R"({"input":"hi"})");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->messages[0].content, "hi");
}

TEST(ParseRequest, refuses_what_the_responses_endpoint_does_not_keep) {
  const std::pair<std::string, std::string> cases[] = {
      {R"("previous_response_id":"x")", "previous_response_id"}, {R"("store":true)", "store"},
      {R"("background":true)", "background"},                    {R"("conversation":"x")", "conversation"},
      {R"("truncation":"auto")", "truncation"},                  {R"("include":["x"])", "include"},
      {R"("top_logprobs":2)", "top_logprobs"},                   {R"("tools":[{"type":"web_search"}])", "tools"},
      {R"("max_output_tokens":0)", "max_output_tokens"},         {R"("text":5)", "text"}};
  for (const auto& [fields, param] : cases) {
    const auto got = parse_request(Endpoint::responses, R"({"input":"hi",)" + fields + "}");
    ASSERT_FALSE(got) << fields;
    EXPECT_EQ(got.error().param, param);
  }
  for (const std::string input : {"5", "[5]", R"([{"type":"item_reference"}])", R"([{"type":5}])", "[]",
                                  R"([{"type":"function_call","name":"f"}])"}) {
    const auto got = parse_request(Endpoint::responses, R"({"input":)" + input + "}");
    ASSERT_FALSE(got) << input;
    EXPECT_TRUE(got.error().param.starts_with("input")) << got.error().param;
  }
}

TEST(ParseTokenize, takes_a_prompt_or_messages) {
  const auto prompt = parse_tokenize(R"({"prompt":"x","add_special_tokens":false,"return_token_strs":true})");
  ASSERT_TRUE(prompt);
  EXPECT_TRUE(prompt->token_strings);
  EXPECT_FALSE(prompt->request.add_special_tokens);
  const auto chat = parse_tokenize(R"({"messages":[{"role":"user","content":"x"}]})");
  ASSERT_TRUE(chat);
  EXPECT_EQ(chat->request.endpoint, Endpoint::chat);
  EXPECT_FALSE(parse_tokenize("{}"));
  EXPECT_FALSE(parse_tokenize(R"({"prompt":"x","return_token_strs":1})"));
  EXPECT_EQ(parse_detokenize(R"({"tokens":[1,2]})")->tokens, (std::vector<TokenId>{1, 2}));
  EXPECT_EQ(parse_detokenize("{}").error().param, "tokens");
  EXPECT_EQ(parse_detokenize(R"({"tokens":[-1]})").error().param, "tokens");
}

TEST(ParseRequest, takes_the_last_of_duplicate_keys) {
  EXPECT_EQ(chat(R"("max_tokens":3,"max_tokens":5)").max_tokens, 5);
}

}  // namespace
}  // namespace baton::openai
