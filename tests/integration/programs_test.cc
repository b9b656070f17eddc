#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "support/http_client.h"
#include "support/process.h"

namespace baton::test {
namespace {

using namespace std::chrono_literals;

struct Programs : testing::Test {
  TempDir dir;
  std::uint16_t port = free_port();
  std::string log = dir.path() + "/log";

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(dir.path() + "/" + name) << text;
    return dir.path() + "/" + name;
  }

  std::string local_config() const {
    std::ostringstream yaml;
    yaml << "model: tiny\nmodel_path: \"" BATON_SOURCE_DIR "/tests/data/baton-tiny\"\nlisten: \"127.0.0.1:" << port
         << "\"\nprefill_workers:\n  - {name: p, host: 127.0.0.1, port: " << free_port()
         << ", role: prefill}\ndecode_workers:\n  - {name: d, host: 127.0.0.1, port: " << free_port() << ", role: decode}\n";
    return write("local.yaml", yaml.str());
  }

  std::string logged() const {
    std::ostringstream text;
    text << std::ifstream(log).rdbuf();
    return text.str();
  }

  bool wait_status(int status, std::chrono::seconds patience) const {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < deadline) {
      if (http({.port = port, .target = "/ready"}).status == status) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }

  /// Exit status of a program that is expected to end by itself; -1 if it does not.
  int run(const std::vector<std::string>& argv) const {
    Process process(argv, log);
    const auto status = process.wait(20s);
    return status && WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
  }

  /// Process ids of the workers that `batond` logged, in order of start.
  std::vector<pid_t> children() const {
    std::vector<pid_t> pids;
    std::istringstream lines(logged());
    for (std::string line; std::getline(lines, line);) {
      const auto at = line.find("pid=");
      if (at != std::string::npos && line.find("supervise started") != std::string::npos) {
        pids.push_back(std::stoi(line.substr(at + 4)));
      }
    }
    return pids;
  }

  static bool alive(pid_t pid) { return std::filesystem::exists("/proc/" + std::to_string(pid)); }
};

bool ask(std::uint16_t port) {
  const auto response = post(port, "/v1/completions", R"({"model":"tiny","prompt":"Hello","max_tokens":4})");
  return response.status == 200;
}

}  // namespace

TEST_F(Programs, one_command_runs_a_whole_cluster_and_ctrl_c_ends_it) {
  Process batond({BATON_BIN_DIR "/batond", "--config", local_config(), "--local"}, log);
  ASSERT_TRUE(wait_status(200, 60s)) << logged();
  EXPECT_TRUE(ask(port));
  batond.signal(SIGINT);
  const auto status = batond.wait(20s);
  ASSERT_TRUE(status.has_value()) << logged();
  EXPECT_EQ(*status, 0) << logged();
  ASSERT_EQ(children().size(), 2U);
  for (const pid_t pid : children()) EXPECT_FALSE(alive(pid));
}

TEST_F(Programs, a_dead_worker_is_started_again) {
  Process batond({BATON_BIN_DIR "/batond", "--config", local_config(), "--local"}, log);
  ASSERT_TRUE(wait_status(200, 60s)) << logged();
  ::kill(children().at(1), SIGKILL);
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (children().size() < 3 && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(10ms);
  ASSERT_EQ(children().size(), 3U) << logged();
  ASSERT_TRUE(wait_status(200, 60s)) << logged();
  EXPECT_TRUE(ask(port));
}

TEST_F(Programs, no_worker_outlives_a_killed_batond) {
  Process batond({BATON_BIN_DIR "/batond", "--config", local_config(), "--local"}, log);
  ASSERT_TRUE(wait_status(200, 60s)) << logged();
  batond.kill();
  const auto deadline = std::chrono::steady_clock::now() + 45s;
  const auto any_alive = [&] { return alive(children().at(0)) || alive(children().at(1)); };
  while (any_alive() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(10ms);
  EXPECT_FALSE(any_alive());
}

TEST_F(Programs, a_bad_configuration_ends_them_with_exit_78_and_all_problems) {
  const auto bad = write("bad.yaml", "model: x\nprefil_workers: []\nthreads: many\n");
  EXPECT_EQ(run({BATON_BIN_DIR "/batond", "--config", bad}), 78);
  EXPECT_EQ(run({BATON_BIN_DIR "/baton-worker", "--config", bad, "--name", "p"}), 78);
  EXPECT_NE(logged().find("bad.yaml:2"), std::string::npos) << logged();
  EXPECT_NE(logged().find("bad.yaml:3"), std::string::npos) << logged();
  EXPECT_NE(logged().find("prefill_workers"), std::string::npos) << logged();
  EXPECT_EQ(run({BATON_BIN_DIR "/batonctl", "check", bad}), 2);
}

TEST_F(Programs, a_missing_or_broken_model_ends_them_with_a_named_error) {
  const auto broken = dir.path() + "/model";
  std::filesystem::copy(BATON_SOURCE_DIR "/tests/data/baton-tiny", broken);
  std::filesystem::permissions(broken + "/model.safetensors", std::filesystem::perms::owner_all);
  std::filesystem::resize_file(broken + "/model.safetensors", 1000);
  const auto config = [&](const std::string& path) {
    return write("m.yaml", "model: tiny\nmodel_path: \"" + path + "\"\nworkers:\n  - {name: w, host: 127.0.0.1, port: " +
                               std::to_string(free_port()) + ", role: both}\n");
  };
  EXPECT_EQ(run({BATON_BIN_DIR "/baton-worker", "--config", config(broken), "--name", "w"}), 78);
  EXPECT_NE(logged().find("model.safetensors"), std::string::npos) << logged();
  EXPECT_EQ(run({BATON_BIN_DIR "/baton-worker", "--config", config("/no/such/model"), "--name", "w"}), 78);
  EXPECT_NE(logged().find("/no/such/model"), std::string::npos) << logged();
}

TEST_F(Programs, wrong_command_lines_are_explained) {
  EXPECT_EQ(run({BATON_BIN_DIR "/batond"}), 64);
  EXPECT_EQ(run({BATON_BIN_DIR "/batond", "--confg", "x"}), 64);
  EXPECT_EQ(run({BATON_BIN_DIR "/baton-worker", "--config"}), 64);
  EXPECT_EQ(run({BATON_BIN_DIR "/baton-worker", "--config", local_config(), "--name", "nobody"}), 78);
  EXPECT_NE(logged().find("nobody"), std::string::npos) << logged();
  EXPECT_EQ(run({BATON_BIN_DIR "/batond", "--help"}), 0);
  EXPECT_EQ(run({BATON_BIN_DIR "/baton-worker", "--version"}), 0);
}

}  // namespace baton::test
