// What batond does with SIGTERM and SIGINT, as an operator sees it.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "support/cluster.h"

namespace baton::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kLong = R"({"model":"tiny","prompt":"Hello","max_tokens":400,"ignore_eos":true,"stream":true})";

/// A stream read on a thread of its own.
struct Stream {
  explicit Stream(std::uint16_t port)
      : thread([this, port] {
          response = post(port, "/v1/completions", kLong, [this](std::string_view) {
            started = true;
            return true;
          });
        }) {}
  ~Stream() { thread.join(); }
  bool wait_started() const {
    for (int i = 0; i < 3000 && !started; ++i) std::this_thread::sleep_for(10ms);
    return started;
  }

  std::atomic<bool> started = false;
  HttpResponse response;
  std::thread thread;
};

int exit_code(Process& process, std::chrono::seconds patience) {
  const auto status = process.wait(patience);
  return status && WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
}

bool ends_well(const HttpResponse& response) {
  return response.complete && response.body.ends_with("data: [DONE]\n\n");
}

TEST(Drain, sigterm_finishes_streams_while_refusing_new_work_and_exits_0) {
  Cluster cluster({.prefill = 0, .decode = 0, .both = 1, .extra = "limits: {drain_delay: 300ms}\n"});
  ASSERT_TRUE(cluster.wait_ready()) << cluster.logs();
  HttpResponse ready;
  {
    Stream stream(cluster.port());
    ASSERT_TRUE(stream.wait_started()) << cluster.logs();
    cluster.router().signal(SIGTERM);
    const auto until = std::chrono::steady_clock::now() + 5s;
    do {
      ready = http({.port = cluster.port(), .target = "/ready"});
    } while (ready.status == 200 && std::chrono::steady_clock::now() < until);
    EXPECT_EQ(exit_code(cluster.router(), 40s), 0) << cluster.logs();
    stream.thread.join();
    stream.thread = std::thread([] {});
    EXPECT_TRUE(ends_well(stream.response)) << stream.response.body.substr(0, 200);
    EXPECT_EQ(stream.response.body.find("\"error\""), std::string::npos);
  }
  EXPECT_EQ(ready.status, 503);
  EXPECT_NE(ready.body.find("draining"), std::string::npos) << ready.body;
}

TEST(Drain, what_outlives_the_timeout_gets_an_error_event) {
  Cluster cluster({.prefill = 0, .decode = 0, .both = 1, .extra = "limits: {drain_timeout: 1ms}\n"});
  ASSERT_TRUE(cluster.wait_ready()) << cluster.logs();
  Stream stream(cluster.port());
  ASSERT_TRUE(stream.wait_started()) << cluster.logs();
  cluster.router().signal(SIGTERM);
  EXPECT_EQ(exit_code(cluster.router(), 20s), 0) << cluster.logs();
  stream.thread.join();
  stream.thread = std::thread([] {});
  EXPECT_TRUE(ends_well(stream.response)) << stream.response.body.substr(0, 200);
  EXPECT_NE(stream.response.body.find("\"draining\""), std::string::npos) << stream.response.body.substr(0, 2000);
}

TEST(Drain, a_second_signal_ends_it_at_once) {
  Cluster cluster({.prefill = 0, .decode = 0, .both = 1, .extra = "threads: 2\nlimits: {drain_delay: 10m}\n"});
  ASSERT_TRUE(cluster.wait_ready()) << cluster.logs();
  cluster.router().signal(SIGTERM);
  while (http({.port = cluster.port(), .target = "/ready"}).status == 200) std::this_thread::sleep_for(5ms);
  cluster.router().signal(SIGINT);
  EXPECT_EQ(exit_code(cluster.router(), 10s), 0) << cluster.logs();
}

}  // namespace
}  // namespace baton::test
