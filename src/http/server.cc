#include "http/server.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <list>
#include <unordered_set>
#include <utility>

#include "aio/net.h"
#include "aio/task_group.h"
#include "core/log.h"
#include "http/connection.h"

namespace baton::http {

namespace asio = aio::asio;
using boost::system::error_code;

namespace {

constexpr std::chrono::milliseconds kAcceptPause{20};
constexpr Duration kWarnPeriod = 5s;
constexpr std::size_t kScratchBytes = 64U << 10;

int open_spare_descriptor() {
  return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

Error too_many_connections() {
  Error error{Errc::overloaded, "Too many connections; try again later."};
  error.retry_after_s = 1;
  return error;
}

}  // namespace

struct Server::State {
  State(asio::any_io_executor e, ServerOptions o, Handler h)
      : executor(e),
        options(std::move(o)),
        handler(std::move(h)),
        scratch(kScratchBytes),
        tasks(e),
        spare(open_spare_descriptor()) {}
  ~State() {
    if (spare >= 0) ::close(spare);
  }

  asio::any_io_executor executor;
  ServerOptions options;
  Handler handler;
  std::vector<char> scratch;
  ConnectionContext context{options, handler, scratch};
  std::list<aio::tcp::acceptor> acceptors;
  std::unordered_set<Connection*> live;
  aio::TaskGroup tasks;
  int spare;  ///< given up for a moment when descriptors run out, so that a waiting client gets an answer
  TimePoint warned{};
  bool accepting = true;
  bool closing = false;  ///< answers carry "Connection: close"

  asio::awaitable<void> accept_loop(aio::tcp::acceptor& acceptor);
  asio::awaitable<void> session(std::shared_ptr<Connection> connection);
  void start(aio::tcp::socket socket);
  asio::awaitable<bool> answer_with_spare(aio::tcp::acceptor& acceptor);
  asio::awaitable<void> survive_accept_error(aio::tcp::acceptor& acceptor, error_code error);
};

asio::awaitable<void> Server::State::accept_loop(aio::tcp::acceptor& acceptor) {
  while (accepting) {
    auto [error, socket] = co_await acceptor.async_accept(executor, aio::kNoThrow);
    if (!accepting) break;
    if (error) {
      co_await survive_accept_error(acceptor, error);
    } else {
      start(std::move(socket));
    }
  }
}

void Server::State::start(aio::tcp::socket socket) {
  auto connection = std::make_shared<Connection>(std::move(socket), context);
  if (closing) connection->close_after_answer();
  tasks.spawn(session(std::move(connection)));
}

asio::awaitable<void> Server::State::session(std::shared_ptr<Connection> connection) {
  const bool room = live.size() < options.connections;
  live.insert(connection.get());
  if (room) {
    co_await connection->run();
  } else {
    co_await connection->turn_away(too_many_connections());
  }
  live.erase(connection.get());
}

/// Out of descriptors: the spare one goes to a waiting client, who gets an answer and is let go, and comes back for the
/// next one. With nobody waiting any more, or on another error, there is a pause for others to leave.
asio::awaitable<void> Server::State::survive_accept_error(aio::tcp::acceptor& acceptor, error_code error) {
  if (Clock::now() - warned > kWarnPeriod) {
    log_warn("http", "accept failed", {{"error", error.message()}});
    warned = Clock::now();
  }
  if (spare < 0) spare = open_spare_descriptor();
  if (error == asio::error::no_descriptors && spare >= 0) {
    ::close(std::exchange(spare, -1));
    // Not longer, however many wait: descriptors may be free again.
    const TimePoint until = Clock::now() + kAcceptPause;
    bool somebody = true;
    while (somebody && Clock::now() < until) somebody = co_await answer_with_spare(acceptor);
    spare = open_spare_descriptor();
    if (somebody) co_return;
  }
  co_await aio::sleep_until(Clock::now() + kAcceptPause);
}

/// False if nobody waits, or the server stops.
asio::awaitable<bool> Server::State::answer_with_spare(aio::tcp::acceptor& acceptor) {
  if (!accepting) co_return false;
  error_code error;
  aio::tcp::socket socket(executor);
  acceptor.non_blocking(true, error);
  acceptor.accept(socket, error);
  if (error) co_return false;
  const auto connection = std::make_shared<Connection>(std::move(socket), context);
  co_await connection->turn_away_quickly(too_many_connections());
  co_return true;
}

Server::Server(asio::any_io_executor executor, ServerOptions options, Handler handler)
    : state_(std::make_shared<State>(std::move(executor), std::move(options), std::move(handler))) {}
Server::~Server() = default;

void Server::serve(aio::tcp::acceptor acceptor) {
  state_->acceptors.push_back(std::move(acceptor));
  state_->tasks.spawn(state_->accept_loop(state_->acceptors.back()));
}

void Server::close_after_answers() {
  state_->closing = true;
  for (Connection* connection : state_->live) connection->close_after_answer();
}

void Server::stop_accepting() {
  state_->accepting = false;
  state_->closing = true;
  error_code ignored;
  for (auto& acceptor : state_->acceptors) acceptor.close(ignored);
  for (Connection* connection : state_->live) connection->close_when_idle();
}

asio::awaitable<void> Server::stop() {
  const auto state = state_;
  stop_accepting();
  // cut() calls back into handlers, which may end sessions: work on a copy of the set.
  const auto live = state->live;
  for (Connection* connection : live) {
    if (state->live.contains(connection)) connection->cut();
  }
  co_await state->tasks.join();
}

std::size_t Server::connections() const {
  return state_->live.size();
}

std::size_t Server::answering() const {
  return static_cast<std::size_t>(std::ranges::count_if(state_->live, &Connection::answering));
}

}  // namespace baton::http
