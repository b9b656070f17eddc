#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>

#include "baton/error.h"

namespace baton::transfer {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// `host` is numeric. Errors: protocol.
Result<SocketAddress> socket_address(const std::string& host, std::uint16_t port);
/// "host:port", "[host]:port" for IPv6.
std::string format_address(const std::string& host, std::uint16_t port);
Result<SocketAddress> parse_address(std::string_view text);
std::uint16_t port_of(const sockaddr_storage& address);

}  // namespace baton::transfer
