#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "aio/asio.h"
#include "core/clock.h"

namespace baton::aio {

/// Connects to host:port (name or address), TCP_NODELAY set. Errc::timeout or Errc::io with the system's reason.
Task<tcp::socket> connect(std::string host, std::uint16_t port, std::chrono::milliseconds timeout);

struct ListenOptions {
  std::string host;
  std::uint16_t port = 0;  ///< 0: any free port
  int backlog = 1024;
  bool reuse_port = false;  ///< several acceptors share the port (one per shard)
};
/// Binds and listens. The error names host, port and the system's reason.
Result<tcp::acceptor> listen(asio::any_io_executor executor, const ListenOptions& options);

/// Sleeps; returns early and quietly when cancelled.
asio::awaitable<void> sleep_until(TimePoint when);

}  // namespace baton::aio
