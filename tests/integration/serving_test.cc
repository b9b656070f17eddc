#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "support/cluster.h"

namespace baton::test {
namespace {

using nlohmann::json;

std::string chat_body(const std::string& question, bool stream, int max_tokens = 64) {
  json body = {{"model", "tiny"},
               {"messages", {{{"role", "user"}, {"content", question}}}},
               {"temperature", 0},
               {"max_tokens", max_tokens},
               {"stream", stream}};
  if (stream) body["stream_options"] = {{"include_usage", true}};
  return body.dump();
}

/// The data lines of a stream, [DONE] included.
std::vector<std::string> events(const std::string& body) {
  std::vector<std::string> found;
  std::size_t at = 0;
  while ((at = body.find("data: ", at)) != std::string::npos) {
    const std::size_t end = body.find("\n\n", at);
    found.push_back(body.substr(at + 6, end - at - 6));
    at = end;
  }
  return found;
}

std::string streamed_text(const HttpResponse& response) {
  std::string text;
  for (const auto& event : events(response.body)) {
    if (event == "[DONE]") break;
    const auto chunk = json::parse(event);
    for (const auto& choice : chunk.at("choices")) text += choice.at("delta").value("content", "");
  }
  return text;
}

Cluster& shared_cluster() {
  static Cluster cluster{ClusterOptions{}};
  return cluster;
}

}  // namespace

class Serving : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(cluster.wait_ready()) << cluster.logs(); }
  Cluster& cluster = shared_cluster();
};

TEST_F(Serving, answers_a_chat_with_a_readable_sentence) {
  const auto response = cluster.chat(chat_body("What is Baton?", false));
  ASSERT_EQ(response.status, 200) << response.body;
  const auto answer = json::parse(response.body);
  EXPECT_EQ(answer.at("object"), "chat.completion");
  EXPECT_EQ(answer.at("model"), "tiny");
  const auto& choice = answer.at("choices").at(0);
  EXPECT_EQ(choice.at("message").at("role"), "assistant");
  EXPECT_GT(choice.at("message").at("content").get<std::string>().size(), 10U);
  EXPECT_EQ(choice.at("finish_reason"), "stop");
  const auto& usage = answer.at("usage");
  EXPECT_EQ(usage.at("total_tokens").get<int>(),
            usage.at("prompt_tokens").get<int>() + usage.at("completion_tokens").get<int>());
}

TEST_F(Serving, streams_the_same_answer_it_gives_whole) {
  const auto whole = cluster.chat(chat_body("What is Baton?", false));
  const auto stream = cluster.chat(chat_body("What is Baton?", true));
  ASSERT_EQ(stream.status, 200);
  EXPECT_TRUE(stream.complete);
  EXPECT_EQ(stream.headers.at("content-type"), "text/event-stream; charset=utf-8");
  const auto list = events(stream.body);
  ASSERT_GE(list.size(), 4U);
  EXPECT_EQ(list.back(), "[DONE]");
  const auto whole_json = json::parse(whole.body);
  EXPECT_EQ(streamed_text(stream), whole_json.at("choices").at(0).at("message").at("content"));
  const auto usage = json::parse(list[list.size() - 2]);
  EXPECT_TRUE(usage.at("choices").empty());
  EXPECT_EQ(usage.at("usage").at("completion_tokens"), whole_json.at("usage").at("completion_tokens"));
}

TEST_F(Serving, recalls_a_number_through_the_moved_kv) {
  const double before = cluster.metric("baton_kv_transfer_bytes_total");
  const auto response =
      cluster.chat(chat_body("The secret number is 4817. Please remember it. What is the secret number?", false));
  ASSERT_EQ(response.status, 200) << response.body;
  const auto text = json::parse(response.body).at("choices").at(0).at("message").at("content").get<std::string>();
  EXPECT_NE(text.find("4817"), std::string::npos) << text;
  EXPECT_GT(cluster.metric("baton_kv_transfer_bytes_total"), before);
}

TEST_F(Serving, serves_many_clients_at_once_with_the_answers_of_a_lone_one) {
  std::vector<std::string> expected(8);
  const auto ask = [&](int i) {
    const auto body =
        chat_body("The secret code is " + std::to_string(1000 + 731 * i) + ". What is the code?", i % 2 == 0);
    const auto response = cluster.chat(body);
    EXPECT_EQ(response.status, 200) << response.body;
    return i % 2 == 0 ? streamed_text(response)
                      : json::parse(response.body).at("choices").at(0).at("message").at("content").get<std::string>();
  };
  for (int i = 0; i < 8; ++i) expected[static_cast<std::size_t>(i)] = ask(i);
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&, i] {
      for (int round = 0; round < 3; ++round) EXPECT_EQ(ask(i), expected[static_cast<std::size_t>(i)]);
    });
  }
  for (auto& client : clients) client.join();
}

TEST_F(Serving, frees_everything_after_clients_hang_up_at_any_moment) {
  std::vector<std::thread> clients;
  for (int i = 0; i < 24; ++i) {
    clients.emplace_back([&, i] {
      int pieces = 0;
      json body = json::parse(chat_body("Tell me a story, number " + std::to_string(i), true, 400));
      body["ignore_eos"] = true;
      post(cluster.port(), "/v1/chat/completions", body.dump(), [&](std::string_view) { return ++pieces < i % 6; });
    });
  }
  for (auto& client : clients) client.join();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  const auto idle = [&] {
    return cluster.metric("baton_worker_running") + cluster.metric("baton_worker_reserved_blocks") == 0 &&
           cluster.metric("baton_requests_in_flight") == 0 &&
           cluster.metric("baton_worker_free_blocks") == cluster.metric("baton_worker_total_blocks");
  };
  while (!idle() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_TRUE(idle()) << http({.port = cluster.port(), .target = "/metrics"}).body;
}

TEST_F(Serving, lists_its_model_and_says_it_is_well) {
  EXPECT_EQ(http({.port = cluster.port(), .target = "/health"}).status, 200);
  EXPECT_EQ(http({.port = cluster.port(), .target = "/live"}).status, 200);
  const auto models = json::parse(http({.port = cluster.port(), .target = "/v1/models"}).body);
  ASSERT_EQ(models.at("data").size(), 1U);
  EXPECT_EQ(models.at("data").at(0).at("id"), "tiny");
  EXPECT_GT(models.at("data").at(0).at("max_model_len").get<int>(), 0);
}

TEST_F(Serving, refuses_bad_requests_with_an_openai_error) {
  const auto expect_error = [&](const std::string& body, int status, const std::string& code) {
    const auto response = cluster.chat(body);
    EXPECT_EQ(response.status, status) << body << " → " << response.body;
    const auto error = json::parse(response.body).at("error");
    EXPECT_FALSE(error.at("message").get<std::string>().empty());
    if (!code.empty()) {
      EXPECT_EQ(error.at("code"), code);
    }
  };
  expect_error("{", 400, "");
  expect_error("[]", 400, "");
  expect_error(R"({"model":"tiny"})", 400, "");
  expect_error(R"({"model":"tiny","messages":[]})", 400, "");
  expect_error(R"({"model":"other","messages":[{"role":"user","content":"x"}]})", 404, "model_not_found");
  expect_error(R"({"model":"tiny","messages":[{"role":"user","content":"x"}],"temperature":-1})", 400, "");
  expect_error(R"({"model":"tiny","messages":[{"role":"user","content":"x"}],"max_tokens":"many"})", 400, "");
  json big = json::parse(chat_body("x", false));
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "word ";
  big["messages"][0]["content"] = text;
  expect_error(big.dump(), 400, "context_length_exceeded");
}

}  // namespace baton::test
