#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/cluster.h"

namespace baton::test {
namespace {

using nlohmann::json;

constexpr int kVocabFloor = 256;  ///< ids below exist in every tokenizer we ship

/// Random prompts of every length around block borders, greedy and sampled.
std::vector<std::string> bodies() {
  std::mt19937 random(7);
  std::vector<std::string> all;
  for (const int length :
       {1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 127, 128, 129, 300, 511, 512, 513, 700}) {
    json prompt = json::array();
    for (int i = 0; i < length; ++i) prompt.push_back(random() % kVocabFloor);
    json body = {{"model", "tiny"},
                 {"prompt", prompt},
                 {"max_tokens", 24 + length % 20},
                 {"ignore_eos", true},
                 {"logprobs", 3},
                 {"seed", length},
                 {"temperature", length % 3 == 0 ? 0.0 : 0.9},
                 {"top_p", 0.95}};
    if (length % 2 == 0) body["frequency_penalty"] = 0.5;
    if (length % 5 == 0) body["repetition_penalty"] = 1.2;
    all.push_back(body.dump());
  }
  return all;
}

/// Everything of an answer that the model decides, logprobs to the last bit.
std::string essence(const HttpResponse& response) {
  if (response.status != 200) return "status " + std::to_string(response.status) + ": " + response.body;
  auto answer = json::parse(response.body);
  answer.at("usage").erase("prompt_tokens_details");  // says what was cached
  return json{answer.at("choices"), answer.at("usage")}.dump();
}

std::vector<std::string> run_all(const Cluster& cluster, int parallel) {
  const auto requests = bodies();
  std::vector<std::string> results(requests.size());
  std::vector<std::thread> clients;
  for (int c = 0; c < parallel; ++c) {
    clients.emplace_back([&, c] {
      for (std::size_t i = static_cast<std::size_t>(c); i < requests.size(); i += static_cast<std::size_t>(parallel)) {
        results[i] = essence(cluster.complete(requests[i]));
      }
    });
  }
  for (auto& client : clients) client.join();
  return results;
}

const std::vector<std::string>& local_results() {
  static const std::vector<std::string> results = [] {
    Cluster cluster({.prefill = 0, .decode = 0, .both = 1});
    EXPECT_TRUE(cluster.wait_ready()) << cluster.logs();
    return run_all(cluster, 1);
  }();
  return results;
}

void expect_split_equals_local(const std::string& protocol) {
  Cluster cluster({.protocol = protocol});
  ASSERT_TRUE(cluster.wait_ready()) << cluster.logs();
  const auto& local = local_results();
  const auto alone = run_all(cluster, 1);
  const auto together = run_all(cluster, 6);
  for (std::size_t i = 0; i < local.size(); ++i) {
    EXPECT_EQ(alone[i], local[i]) << "prompt " << i;
    EXPECT_EQ(together[i], local[i]) << "prompt " << i << ", concurrent";
  }
  EXPECT_GT(cluster.metric("baton_kv_transfer_bytes_total", "transport=\"" + protocol + "\""), 0);
}

}  // namespace

TEST(Split, over_tcp_gives_the_tokens_of_a_local_run_bit_for_bit) {
  expect_split_equals_local("tcp");
}
TEST(Split, over_shared_memory_gives_the_tokens_of_a_local_run_bit_for_bit) {
  expect_split_equals_local("shm");
}

TEST(Split, over_rdma_is_refused_where_there_is_no_rdma_device) {
  Cluster cluster({.protocol = "rdma"});
  const auto status = cluster.worker(0).wait(std::chrono::seconds(20));
  ASSERT_TRUE(status.has_value());
  EXPECT_NE(*status, 0);
  EXPECT_NE(cluster.logs().find("rdma"), std::string::npos) << cluster.logs();
}

}  // namespace baton::test
