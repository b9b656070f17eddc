#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "support/cluster.h"

namespace baton::test {
namespace {

using nlohmann::json;

json schema() {
  return json::parse(R"({"type":"object","properties":{
    "name":{"type":"string","pattern":"^[a-z]{1,6}$"},"age":{"type":"integer","minimum":0,"maximum":120},
    "tags":{"type":"array","items":{"enum":["x","y","z"]},"maxItems":3},"ok":{"type":"boolean"}},
    "required":["name","age","ok"],"additionalProperties":false})");
}

json chat_body(int seed) {
  return {{"model", "tiny"},
          {"messages", {{{"role", "user"}, {"content", "Describe somebody " + std::to_string(seed)}}}},
          {"max_tokens", 160},
          {"temperature", seed % 2 == 0 ? 1.0 : 0.0},
          {"seed", seed},
          {"response_format", {{"type", "json_schema"}, {"json_schema", {{"name", "person"}, {"schema", schema()}}}}}};
}

void expect_person(const std::string& text) {
  const json person = json::parse(text, nullptr, false);
  ASSERT_TRUE(person.is_object()) << text;
  ASSERT_TRUE(person.contains("name") && person.contains("age") && person.contains("ok")) << text;
  EXPECT_TRUE(person["name"].is_string() && !person["name"].get<std::string>().empty() && person["name"].get<std::string>().size() <= 6) << text;
  EXPECT_TRUE(person["age"].is_number_integer() && person["age"] >= 0 && person["age"] <= 120) << text;
  EXPECT_TRUE(person["ok"].is_boolean()) << text;
  for (const auto& [key, value] : person.items()) EXPECT_TRUE(schema()["properties"].contains(key)) << text;
  EXPECT_LE(person.value("tags", json::array()).size(), 3U) << text;
}

/// The text of a streamed chat and its finish reason.
std::pair<std::string, std::string> joined(const std::string& events) {
  std::istringstream lines(events);
  std::string text, finish;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("data: {")) continue;
    const json event = json::parse(line.substr(6));
    for (const json& choice : event["choices"]) {
      if (choice["delta"].contains("content") && choice["delta"]["content"].is_string()) text += choice["delta"]["content"];
      if (choice["finish_reason"].is_string()) finish = choice["finish_reason"];
    }
  }
  return {text, finish};
}

std::string whole(const Cluster& cluster, const json& body) {
  const auto response = cluster.chat(body.dump());
  EXPECT_EQ(response.status, 200) << response.body;
  if (response.status != 200) return {};
  const json answer = json::parse(response.body);
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "stop") << response.body;
  return answer["choices"][0]["message"]["content"];
}

TEST(ConstrainedOutput, IsValidEqualSplitAndLocalStreamedAndWhole) {
  Cluster split({}), local({.prefill = 0, .decode = 0, .both = 1});
  ASSERT_TRUE(split.wait_ready()) << split.logs();
  ASSERT_TRUE(local.wait_ready()) << local.logs();
  for (int seed = 0; seed < 8; ++seed) {
    json body = chat_body(seed);
    const std::string text = whole(split, body);
    expect_person(text);
    EXPECT_EQ(whole(local, body), text);
    body["stream"] = true;
    for (const Cluster* cluster : {&split, &local}) {
      const auto response = cluster->chat(body.dump());
      ASSERT_EQ(response.status, 200) << response.body;
      EXPECT_EQ(joined(response.body), (std::pair<std::string, std::string>(text, "stop")));
    }
  }
}

TEST(ConstrainedOutput, SchemasThatCannotBeKeptAreRefusedByName) {
  Cluster cluster({.prefill = 0, .decode = 0, .both = 1});
  ASSERT_TRUE(cluster.wait_ready()) << cluster.logs();
  json body = chat_body(1);
  body["response_format"]["json_schema"]["schema"]["properties"]["age"]["multipleOf"] = 7;
  const auto response = cluster.chat(body.dump());
  EXPECT_EQ(response.status, 400) << response.body;
  EXPECT_NE(response.body.find("/properties/age/multipleOf"), std::string::npos) << response.body;
  expect_person(whole(cluster, chat_body(2)));
}

}  // namespace
}  // namespace baton::test
