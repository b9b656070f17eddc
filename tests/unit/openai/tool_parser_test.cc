#include "openai/tool_parser.h"

#include <gtest/gtest.h>

#include <random>

namespace baton::openai {
namespace {

struct Parsed {
  std::string content;
  std::vector<std::pair<std::string, std::string>> calls;  ///< name, arguments
  friend bool operator==(const Parsed&, const Parsed&) = default;
};

void PrintTo(const Parsed& parsed, std::ostream* out) {
  *out << '[' << parsed.content << ']';
  for (const auto& [name, arguments] : parsed.calls) *out << ' ' << name << '(' << arguments << ')';
}

/// Parses `text` cut at random places, one Piece per cut, as a stream would.
Parsed parse(const ToolParser::Options& options, std::string_view text, std::mt19937& random, std::size_t longest) {
  ToolParser parser(options);
  Parsed parsed;
  const auto add = [&parsed](const Piece& piece) {
    parsed.content += piece.text;
    for (const ToolCallDelta& call : piece.calls) {
      if (!call.name.empty()) {
        EXPECT_EQ(call.index, static_cast<int>(parsed.calls.size()));
        parsed.calls.emplace_back(call.name, "");
      }
      EXPECT_FALSE(parsed.calls.empty());
      if (!parsed.calls.empty()) parsed.calls.back().second += call.arguments;
    }
  };
  while (!text.empty()) {
    const std::size_t length = std::min<std::size_t>(text.size(), 1 + random() % longest);
    Piece piece;
    parser.feed(text.substr(0, length), piece);
    add(piece);
    text.remove_prefix(length);
  }
  Piece rest;
  parser.finish(rest);
  add(rest);
  EXPECT_EQ(parser.called(), !parsed.calls.empty());
  return parsed;
}

struct Case {
  ToolFormat format;
  std::string text;
  Parsed expected;
};

void expect_all(const std::vector<Case>& cases) {
  std::mt19937 random(7);
  for (const Case& c : cases) {
    const ToolParser::Options options{.format = c.format, .names = {"f", "g"}, .named = "f"};
    EXPECT_EQ(parse(options, c.text, random, c.text.size() + 1), c.expected) << c.text;
    for (int i = 0; i < 30; ++i) EXPECT_EQ(parse(options, c.text, random, 1 + i), c.expected) << c.text;
  }
}

TEST(ToolParser, finds_hermes_calls) {
  const auto h = ToolFormat::hermes;
  expect_all({
      {h, "plain text < 5", {"plain text < 5", {}}},
      {h, "", {"", {}}},
      {h, "trailing space \n", {"trailing space \n", {}}},
      {h, "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, \"}\"]}}\n</tool_call>",
       {"", {{"f", R"({"a": [1, "}"]})"}}}},
      {h, "Let me see.\n<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\n<tool_call>\n{\"arguments\": {\"x\":1},"
          " \"name\": \"g\"}</tool_call>\n",
       {"Let me see.", {{"f", "{}"}, {"g", R"({"x":1})"}}}},
      {h, R"(<tool_call>{"name":"f","arguments":"{\"a\":1}"}</tool_call> and more text)",
       {"and more text", {{"f", R"({"a":1})"}}}},
      {h, R"(<tool_call>{"id":7,"name":"f"}</tool_call>)", {"", {{"f", "{}"}}}},
      {h, R"(<tool_call>{"name":"h\u00e9","arguments":null}</tool_call>)", {"", {{"hé", "null"}}}},
  });
}

TEST(ToolParser, gives_back_what_is_no_hermes_call) {
  const auto h = ToolFormat::hermes;
  for (const std::string text :
       {"<tool_call> text", "a <tool_call>[1]</tool_call>", "<tool_call>{\"name\":5}</tool_call>",
        "<tool_call>{\"arguments\":{}}</tool_call>", "<tool_call>{\"name\" \"f\"}", "<tool_call>{\"x\"", "<tool",
        "<tool_call>{,}", "<tool_call>{\"name\":\"\"}", "<tool_call>{\"a\":}", "<tool_call>{\"name\":\"\\x\"}"}) {
    expect_all({{h, text, {text, {}}}});
  }
  // A call is announced as soon as its name is known, whatever comes behind.
  expect_all({{h, R"(<tool_call>{"name":"f"x})", {"}", {{"f", ""}}}}});
  // A call that was announced stays, with the arguments as far as they came.
  expect_all({{h, R"(<tool_call>{"name":"f","arguments":{"a":)", {"", {{"f", R"({"a":)"}}}}});
}

TEST(ToolParser, finds_llama_calls) {
  const auto l = ToolFormat::llama_json;
  expect_all({
      {l, R"({"name": "f", "parameters": {"a": "b"}})", {"", {{"f", R"({"a": "b"})"}}}},
      {l, R"( <|python_tag|>{"name": "f", "parameters": {}}; {"name": "g", "parameters": {"x": 1}})",
       {"", {{"f", "{}"}, {"g", R"({"x": 1})"}}}},
      {l, R"({"type": "function", "name": "f", "parameters": {}})", {"", {{"f", "{}"}}}},
      {l, R"({"name": "Bob", "age": 3})", {R"({"name": "Bob", "age": 3})", {}}},
      {l, R"({"age": 3})", {R"({"age": 3})", {}}},
      {l, R"(Sure: {"name": "f", "parameters": {}})", {R"(Sure: {"name": "f", "parameters": {}})", {}}},
      {l, "<|python_tag|>print(1)", {"<|python_tag|>print(1)", {}}},
      {l, "<|py", {"<|py", {}}},
      {l, " <a>", {" <a>", {}}},
  });
}

TEST(ToolParser, finds_mistral_calls) {
  const auto m = ToolFormat::mistral;
  expect_all({
      {m, R"([TOOL_CALLS] [{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": {}}])",
       {"", {{"f", R"({"a": 1})"}, {"g", "{}"}}}},
      {m, R"(text [TOOL_CALLS][{"name":"f","arguments":{}}])", {"text", {{"f", "{}"}}}},
      {m, R"([TOOL_CALLS]f{"a":1}[TOOL_CALLS]g[ARGS]{"b":{}})", {"", {{"f", R"({"a":1})"}, {"g", R"({"b":{}})"}}}},
      {m, "[TOOL_CALLS]two words {", {"[TOOL_CALLS]two words {", {}}},
      {m, "[TOOL_CALLS]" + std::string(300, 'n'), {"[TOOL_CALLS]" + std::string(300, 'n'), {}}},
      {m, "no call [TOOL", {"no call [TOOL", {}}},
  });
}

TEST(ToolParser, reads_forced_calls) {
  expect_all({
      {ToolFormat::call_list, R"([{"name":"f","parameters":{"a":1}},{"name":"g","parameters":{}}])",
       {"", {{"f", R"({"a":1})"}, {"g", "{}"}}}},
      {ToolFormat::arguments, R"( {"a": 1} )", {"", {{"f", R"({"a": 1} )"}}}},
      {ToolFormat::arguments, "  ", {"  ", {}}},
      {ToolFormat::none, "<tool_call>{}", {"<tool_call>{}", {}}},
  });
}

}  // namespace
}  // namespace baton::openai
