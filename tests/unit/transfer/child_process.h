#pragma once

#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spawn.h>

extern char** environ;

namespace baton::transfer {

/// This test binary started again, as a fresh process (UCX does not survive fork), to play the other worker. It runs the
/// disabled test `role` and talks in lines: commands on its stdin, answers on descriptor 3.
class ChildProcess {
 public:
  ChildProcess(const std::string& role, const std::string& protocol) {
    int to_child[2];
    int from_child[2];
    if (pipe(to_child) != 0 || pipe(from_child) != 0) std::abort();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to_child[0], 0);
    posix_spawn_file_actions_adddup2(&actions, from_child[1], 3);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    for (const int fd : {to_child[0], to_child[1], from_child[0], from_child[1]}) {
      if (fd != 3) posix_spawn_file_actions_addclose(&actions, fd);
    }
    const std::string filter = "--gtest_filter=Child.DISABLED_" + role;
    const std::string setting = "BATON_TEST_PROTOCOL=" + protocol;
    std::vector<char*> environment;
    for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
    environment.push_back(const_cast<char*>(setting.c_str()));
    environment.push_back(nullptr);
    const char* arguments[] = {"child", filter.c_str(), "--gtest_also_run_disabled_tests", "--gtest_brief=1", nullptr};
    const int failed = posix_spawn(&x_pid, "/proc/self/exe", &actions, nullptr, const_cast<char* const*>(arguments),
                                   environment.data());
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) std::abort();
    ::close(to_child[0]);
    ::close(from_child[1]);
    x_commands = fdopen(to_child[1], "w");
    x_answers = fdopen(from_child[0], "r");
  }
  ~ChildProcess() {
    kill(SIGKILL);
    std::fclose(x_commands);
    std::fclose(x_answers);
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  void tell(const std::string& line) {
    std::fputs((line + "\n").c_str(), x_commands);
    std::fflush(x_commands);
  }
  /// Next line of the child; empty when it is gone.
  std::string answer() {
    char* line = nullptr;
    std::size_t size = 0;
    const auto length = getline(&line, &size, x_answers);
    std::string result(line, length > 0 ? static_cast<std::size_t>(length) - 1 : 0);
    std::free(line);
    return result;
  }
  void kill(int signal) {
    if (x_pid <= 0) return;
    ::kill(x_pid, signal);
    if (signal == SIGKILL) {
      ::kill(x_pid, SIGCONT);
      waitpid(x_pid, nullptr, 0);
      x_pid = -1;
    }
  }

 private:
  pid_t x_pid = -1;
  std::FILE* x_commands = nullptr;
  std::FILE* x_answers = nullptr;
};

}  // namespace baton::transfer
