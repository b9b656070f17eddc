#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace baton::test {

/// A child process of a test; killed when the object goes away.
class Process {
 public:
  Process() = default;
  /// Starts argv[0]; its stdout and stderr are appended to `log_path`.
  Process(const std::vector<std::string>& argv, const std::string& log_path);
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// The wait status once the process has ended within `patience`.
  std::optional<int> wait(std::chrono::milliseconds patience);
  /// SIGKILL and reap.
  void kill();

 private:
  pid_t pid_ = -1;
};

/// A TCP port of 127.0.0.1 that was free a moment ago; never the same twice in one process.
std::uint16_t free_port();

/// A directory that is removed with its contents at the end.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace baton::test
