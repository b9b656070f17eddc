#include "supervise/supervisor.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <list>
#include <utility>

#include "core/clock.h"
#include "core/log.h"

namespace baton::supervise {
namespace {

namespace asio = boost::asio;
constexpr std::string_view kLog = "supervise";

/// fork and exec. Between the two only async-signal-safe calls, since other threads may hold any lock.
pid_t launch(const ChildSpec& spec) {
  std::vector<char*> argv;
  for (const auto& argument : spec.argv) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);  // the parent died before prctl
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

std::string describe(int status) {
  if (WIFSIGNALED(status)) return std::string("killed by signal ") + std::to_string(WTERMSIG(status));
  const int code = WEXITSTATUS(status);
  if (code == 127) return "could not be executed";
  return "exited with status " + std::to_string(code);
}

}  // namespace

struct Supervisor::State : std::enable_shared_from_this<State> {
  struct Child {
    explicit Child(asio::io_context& io, ChildSpec s) : spec(std::move(s)), handle(io), timer(io) {}
    ChildSpec spec;
    pid_t pid = -1;
    asio::posix::stream_descriptor handle;  ///< pidfd, readable when the process is dead
    asio::steady_timer timer;               ///< until the next start
    std::chrono::milliseconds delay{0};
    TimePoint started;
  };

  State(asio::io_context& context, SupervisorOptions o) : io(context), options(o), kill_timer(context) {}

  void start(Child& child) {
    child.started = Clock::now();
    child.pid = launch(child.spec);
    if (child.pid < 0) {
      log_error(kLog, "cannot start", {{"name", child.spec.name}, {"error", std::strerror(errno)}});
      return restart_later(child);
    }
    log_info(kLog, "started", {{"name", child.spec.name}, {"pid", child.pid}});
    child.handle.assign(static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0)));
    child.handle.async_wait(asio::posix::descriptor_base::wait_read,
                            [self = shared_from_this(), &child](const boost::system::error_code& error) {
                              if (!error) self->on_death(child);
                            });
  }

  void on_death(Child& child) {
    int status = 0;
    ::waitpid(child.pid, &status, 0);
    child.handle.close();
    child.pid = -1;
    if (stopping) return finish_if_all_gone();
    log_warn(kLog, describe(status), {{"name", child.spec.name}});
    if (WIFEXITED(status) && WEXITSTATUS(status) == kExitConfig) {
      log_error(kLog, "not restarted: its configuration is wrong", {{"name", child.spec.name}});
      return;
    }
    restart_later(child);
  }

  void restart_later(Child& child) {
    const bool stable = Clock::now() - child.started >= options.stable_after;
    child.delay = stable ? options.restart_delay_min
                         : std::clamp(2 * child.delay, options.restart_delay_min, options.restart_delay_max);
    child.timer.expires_after(child.delay);
    child.timer.async_wait([self = shared_from_this(), &child](const boost::system::error_code& error) {
      if (!error && !self->stopping) self->start(child);
    });
  }

  void stop(std::function<void()> callback) {
    done = std::move(callback);
    stopping = true;
    for (auto& child : children) {
      child.timer.cancel();
      if (child.pid > 0) ::kill(child.pid, SIGTERM);
    }
    kill_timer.expires_after(options.kill_after);
    kill_timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (error) return;
      for (const auto& child : self->children) {
        if (child.pid <= 0) continue;
        log_warn(kLog, "killing: it did not stop in time", {{"name", child.spec.name}});
        ::kill(child.pid, SIGKILL);
      }
    });
    finish_if_all_gone();
  }

  void finish_if_all_gone() {
    if (std::ranges::any_of(children, [](const Child& child) { return child.pid > 0; })) return;
    kill_timer.cancel();
    if (auto callback = std::exchange(done, {})) callback();
  }

  asio::io_context& io;
  SupervisorOptions options;
  asio::steady_timer kill_timer;
  std::list<Child> children;
  std::function<void()> done;
  bool stopping = false;
};

Supervisor::Supervisor(asio::io_context& io, SupervisorOptions options)
    : state_(std::make_shared<State>(io, options)) {}

Supervisor::~Supervisor() {
  // Whoever is left was not stopped in order: no orphan may keep a port or a core.
  for (const auto& child : state_->children) {
    if (child.pid > 0) ::kill(child.pid, SIGKILL);
  }
}

void Supervisor::start(ChildSpec spec) {
  state_->children.emplace_back(state_->io, std::move(spec));
  state_->start(state_->children.back());
}

void Supervisor::stop(std::function<void()> done) {
  state_->stop(std::move(done));
}

std::vector<pid_t> Supervisor::pids() const {
  std::vector<pid_t> alive;
  for (const auto& child : state_->children) {
    if (child.pid > 0) alive.push_back(child.pid);
  }
  return alive;
}

}  // namespace baton::supervise
