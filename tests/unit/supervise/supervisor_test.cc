#include "supervise/supervisor.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>
#include <set>

namespace baton::supervise {
namespace {

using namespace std::chrono_literals;

struct Bench {
  boost::asio::io_context io;
  SupervisorOptions options{.restart_delay_min = 10ms, .restart_delay_max = 40ms, .kill_after = 300ms};
  Supervisor supervisor{io, options};

  /// Runs the loop until `condition` holds; false after ten seconds.
  template <class Condition>
  bool run_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      io.restart();
      io.run_for(5ms);
    }
    return true;
  }

  bool stop() {
    bool stopped = false;
    supervisor.stop([&] { stopped = true; });
    return run_until([&] { return stopped; });
  }
};

bool alive(pid_t pid) { return ::kill(pid, 0) == 0; }

}  // namespace

TEST(Supervisor, starts_again_what_was_killed) {
  Bench bench;
  bench.supervisor.start({"sleeper", {"/bin/sleep", "1000"}});
  std::set<pid_t> seen;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(bench.run_until([&] { return bench.supervisor.pids().size() == 1; }));
    const pid_t pid = bench.supervisor.pids().front();
    EXPECT_TRUE(seen.insert(pid).second);
    ::kill(pid, SIGKILL);
    ASSERT_TRUE(bench.run_until([&] { return bench.supervisor.pids() != std::vector{pid}; }));
  }
  EXPECT_TRUE(bench.stop());
}

TEST(Supervisor, does_not_restart_on_a_configuration_error) {
  Bench bench;
  bench.supervisor.start({"broken", {"/bin/sh", "-c", "exit 78"}});
  ASSERT_TRUE(bench.run_until([&] { return bench.supervisor.pids().empty(); }));
  bench.io.restart();
  bench.io.run_for(100ms);
  EXPECT_TRUE(bench.supervisor.pids().empty());
  EXPECT_TRUE(bench.stop());
}

TEST(Supervisor, kills_what_ignores_the_term_signal) {
  Bench bench;
  bench.supervisor.start({"stubborn", {"/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.01; done"}});
  const pid_t pid = bench.supervisor.pids().front();
  bench.io.run_for(100ms);
  EXPECT_TRUE(bench.stop());
  EXPECT_FALSE(alive(pid));
}

TEST(Supervisor, keeps_trying_a_program_that_is_not_there) {
  Bench bench;
  bench.supervisor.start({"missing", {"/no/such/program"}});
  bench.io.run_for(200ms);
  EXPECT_TRUE(bench.stop());
}

}  // namespace baton::supervise
