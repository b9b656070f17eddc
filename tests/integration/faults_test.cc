#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/cluster.h"

namespace baton::test {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

/// How often processes are killed in each test; BATON_KILLS overrides it.
int kills(int by_default) {
  const char* text = std::getenv("BATON_KILLS");
  return text == nullptr ? by_default : std::atoi(text);
}

std::string body_for(int i, bool stream) {
  json prompt = json::array();
  std::mt19937 random(static_cast<unsigned>(i));
  const int length = 20 + i * 37 % 400;
  for (int t = 0; t < length; ++t) prompt.push_back(random() % 256);
  json body = {{"model", "tiny"},    {"prompt", prompt}, {"max_tokens", 60},
               {"ignore_eos", true}, {"seed", i},        {"temperature", i % 2 == 0 ? 0.0 : 0.8},
               {"stream", stream}};
  return body.dump();
}

struct Answer {
  int status = 0;
  bool complete = false;
  std::string text;
  std::string error;  ///< of an error event or body
};

Answer ask_streaming(const Cluster& cluster, int i) {
  const auto response = cluster.complete(body_for(i, true));
  Answer answer{response.status, response.complete, {}, {}};
  if (response.status != 200) {
    answer.error = response.body;
    return answer;
  }
  std::size_t at = 0;
  while ((at = response.body.find("data: ", at)) != std::string::npos) {
    const std::size_t end = response.body.find("\n\n", at);
    const auto event = response.body.substr(at + 6, end - at - 6);
    at = end;
    if (event == "[DONE]") break;
    const auto chunk = json::parse(event);
    if (chunk.contains("error")) {
      answer.error = chunk.dump();
    } else {
      for (const auto& choice : chunk.at("choices")) answer.text += choice.at("text").get<std::string>();
    }
  }
  return answer;
}

constexpr int kQuestions = 12;

/// Answers of an undisturbed cluster.
std::map<int, std::string> undisturbed(const Cluster& cluster) {
  std::map<int, std::string> expected;
  for (int i = 0; i < kQuestions; ++i) expected[i] = ask_streaming(cluster, i).text;
  return expected;
}

bool wait_idle(const Cluster& cluster) {
  const auto deadline = std::chrono::steady_clock::now() + 15s;
  while (std::chrono::steady_clock::now() < deadline) {
    const bool idle = cluster.metric("baton_requests_in_flight") == 0 &&
                      cluster.metric("baton_worker_free_blocks") == cluster.metric("baton_worker_total_blocks") &&
                      cluster.metric("baton_worker_draining_blocks") == 0;
    if (idle) return true;
    std::this_thread::sleep_for(50ms);
  }
  return false;
}

/// Clients ask all the time while one of `victims` is killed and started again, over and over. Every answer must be the
/// undisturbed one, or (only if `allow_errors`) a clear error; the pools balance afterwards.
void kill_under_load(const ClusterOptions& options, std::vector<std::size_t> victims, int rounds, int signal_number) {
  Cluster cluster(options);
  ASSERT_TRUE(cluster.wait_ready()) << cluster.logs();
  const auto expected = undisturbed(cluster);
  std::atomic<bool> done{false};
  std::atomic<int> good{0};
  std::mutex mutex;
  std::vector<std::string> wrong;
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([&, c] {
      for (int n = c; !done; ++n) {
        const int i = n % kQuestions;
        const auto answer = ask_streaming(cluster, i);
        const bool right =
            answer.status == 200 && answer.complete && answer.error.empty() && answer.text == expected.at(i);
        if (right) {
          ++good;
          continue;
        }
        const std::lock_guard lock(mutex);
        wrong.push_back("question " + std::to_string(i) + " status " + std::to_string(answer.status) +
                        (answer.complete ? " " : " cut ") + answer.error + "\n  got  " + answer.text + "\n  want " +
                        expected.at(i));
      }
    });
  }
  std::mt19937 random(3);
  for (int round = 0; round < rounds; ++round) {
    const auto victim = victims[static_cast<std::size_t>(round) % victims.size()];
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 60'000));
    cluster.worker(victim).signal(signal_number);
    if (signal_number == SIGSTOP) {
      std::this_thread::sleep_for(6s);  // beyond the ping timeout
    }
    cluster.worker(victim).kill();
    cluster.restart_worker(victim);
    // Let it join again, so that the next kill meets a working cluster.
    const auto up = std::chrono::steady_clock::now() + 10s;
    while (cluster.metric("baton_workers_up") < static_cast<double>(cluster.workers()) &&
           std::chrono::steady_clock::now() < up) {
      std::this_thread::sleep_for(20ms);
    }
  }
  done = true;
  for (auto& client : clients) client.join();
  EXPECT_TRUE(wrong.empty()) << wrong.size() << " wrong answers of " << good + static_cast<int>(wrong.size())
                             << ", first: " << wrong.front();
  EXPECT_GT(good, rounds / 4);
  EXPECT_TRUE(wait_idle(cluster)) << http({.port = cluster.port(), .target = "/metrics"}).body;
}

}  // namespace

TEST(Faults, killing_prefill_workers_loses_nothing) {
  kill_under_load({.prefill = 2, .decode = 1}, {0, 1}, kills(100), SIGKILL);
}

TEST(Faults, killing_decode_workers_loses_nothing) {
  kill_under_load({.prefill = 1, .decode = 2}, {1, 2}, kills(100), SIGKILL);
}

TEST(Faults, killing_the_only_worker_of_either_role_loses_nothing) {
  kill_under_load({.prefill = 1, .decode = 1}, {0, 1}, kills(100), SIGKILL);
}

TEST(Faults, killing_workers_over_tcp_loses_nothing) {
  kill_under_load({.prefill = 2, .decode = 2, .protocol = "tcp"}, {0, 2, 1, 3}, kills(100), SIGKILL);
}

TEST(Faults, a_hung_worker_is_noticed_and_replaced) {
  kill_under_load({.prefill = 2, .decode = 2}, {0, 2}, 2, SIGSTOP);
}

TEST(Faults, with_nobody_left_the_client_gets_a_clear_error) {
  Cluster cluster(ClusterOptions{});
  ASSERT_TRUE(cluster.wait_ready()) << cluster.logs();
  cluster.worker(0).kill();
  cluster.worker(1).kill();
  std::this_thread::sleep_for(200ms);
  const auto response = cluster.complete(body_for(1, false));
  EXPECT_EQ(response.status, 503) << response.body;
  EXPECT_TRUE(response.headers.contains("retry-after"));
  EXPECT_EQ(json::parse(response.body).at("error").at("code"), "no_workers");
  EXPECT_EQ(http({.port = cluster.port(), .target = "/ready"}).status, 503);
  EXPECT_EQ(http({.port = cluster.port(), .target = "/live"}).status, 200);
}

}  // namespace baton::test
