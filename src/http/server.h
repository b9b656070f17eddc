#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "aio/asio.h"
#include "core/clock.h"
#include "http/exchange.h"
#include "http/request_parser.h"

namespace baton::http {

struct ServerOptions {
  ParserLimits limits;
  std::size_t connections = 10'000;                  ///< beyond: answered with an error and closed
  std::chrono::milliseconds header_timeout{10'000};  ///< for the whole head, from its first byte
  std::chrono::milliseconds body_timeout{60'000};    ///< for the whole body, and more as it comes:
  std::size_t body_rate = 64U << 10;                 ///< bytes that earn it another second
  std::chrono::milliseconds idle_timeout{75'000};    ///< between requests
  std::chrono::milliseconds write_timeout{30'000};   ///< for one write
  /// Makes the answer to a request that never reaches the handler.
  std::function<Response(const Error&)> error_response;
  /// Called with the status of every answer that does not come from the handler: refusals, preflights. May be empty.
  std::function<void(int status)> on_own_answer;
  /// Origins whose pages may call (exact, or "*" for any). Empty: no CORS headers, no preflight answers.
  std::vector<std::string> cors_origins;
};

/// HTTP/1.1 over TCP on one io_context thread. Each connection is one coroutine: read a request, run the handler, write
/// its answer, again. All methods on that thread.
class Server {
 public:
  Server(aio::asio::any_io_executor executor, ServerOptions options, Handler handler);
  /// Only after stop() has completed, or once the io_context no longer runs.
  ~Server();

  /// Accepts connections from `acceptor` until stop_accepting(). May be called for several acceptors.
  void serve(aio::tcp::acceptor acceptor);
  /// Closes the listeners and idle connections; running requests finish, and their answers say "Connection: close".
  void stop_accepting();
  /// From now on answers carry "Connection: close", while new connections are still accepted.
  void close_after_answers();
  /// Cuts every connection (each handler's on_disconnect fires) and waits for the coroutines to end.
  aio::asio::awaitable<void> stop();
  std::size_t connections() const;
  /// Requests read and not fully answered.
  std::size_t answering() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace baton::http
