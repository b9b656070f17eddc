#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace baton::supervise {

/// A child process: argv[0] is the program's path.
struct ChildSpec {
  std::string name;
  std::vector<std::string> argv;
};

struct SupervisorOptions {
  std::chrono::milliseconds restart_delay_min{200};
  std::chrono::milliseconds restart_delay_max{10'000};  ///< doubles from min while a child keeps dying young
  std::chrono::milliseconds stable_after{5'000};        ///< a child that lived so long restarts after the minimum again
  std::chrono::milliseconds kill_after{10'000};         ///< SIGKILL for those still alive so long after SIGTERM
};

/// Exit status by which a program says that trying again is pointless (EX_CONFIG of sysexits.h).
inline constexpr int kExitConfig = 78;

/// Starts programs on this machine, starts them again when they die, and stops them. Children sit in their own process
/// group, so a terminal's Ctrl-C reaches only the supervisor, which stops them in order; if the supervisor itself is
/// killed they get SIGTERM from the kernel. One io_context thread, which must be the one that constructs and runs it.
class Supervisor {
 public:
  Supervisor(boost::asio::io_context& io, SupervisorOptions options);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  void start(ChildSpec spec);
  /// SIGTERM to all, no more restarts; `done` is called once when the last one is gone.
  void stop(std::function<void()> done);
  /// Process ids of the children alive now.
  std::vector<pid_t> pids() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace baton::supervise
