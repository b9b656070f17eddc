#include "transfer/ucx_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>

#include "transfer/text.h"

namespace baton::transfer {

Result<SocketAddress> socket_address(const std::string& host, std::uint16_t port) {
  SocketAddress result;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    result.length = sizeof v4;
    std::memcpy(&result.storage, &v4, sizeof v4);
    return result;
  }
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    result.length = sizeof v6;
    std::memcpy(&result.storage, &v6, sizeof v6);
    return result;
  }
  return fail(Errc::protocol, text("'", host, "' is not a numeric address"));
}

std::string format_address(const std::string& host, std::uint16_t port) {
  return host.find(':') == std::string::npos ? text(host, ":", port) : text("[", host, "]:", port);
}

Result<SocketAddress> parse_address(std::string_view from) {
  const auto colon = from.rfind(':');
  if (colon == std::string_view::npos) return fail(Errc::protocol, text("'", from, "' is not host:port"));
  auto host = from.substr(0, colon);
  const auto digits = from.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port == 0) {
    return fail(Errc::protocol, text("'", from, "' has no valid port"));
  }
  return socket_address(std::string(host), port);
}

std::uint16_t port_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace baton::transfer
