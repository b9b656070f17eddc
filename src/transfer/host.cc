#include "transfer/host.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <vector>

#include "core/check.h"
#include "core/hash.h"
#include "transfer/text.h"

namespace baton::transfer {
namespace {

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string link_target(const char* path) {
  std::error_code error;
  const auto target = std::filesystem::read_symlink(path, error);
  return error ? std::string("?") : target.string();
}

std::string numeric(const sockaddr* address, socklen_t length) {
  std::array<char, NI_MAXHOST> text_form{};
  getnameinfo(address, length, text_form.data(), text_form.size(), nullptr, 0, NI_NUMERICHOST);
  return text_form.data();
}

struct Interface {
  std::string address;
  std::string device;
  bool loopback = false;
};

std::vector<Interface> interfaces() {
  ifaddrs* list = nullptr;
  std::vector<Interface> result;
  if (getifaddrs(&list) != 0) return result;
  for (const auto* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    const auto family = entry->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const socklen_t length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    result.push_back({numeric(entry->ifa_addr, length), entry->ifa_name, (entry->ifa_flags & IFF_LOOPBACK) != 0});
  }
  freeifaddrs(list);
  return result;
}

/// For a wildcard: the first address peers on other machines can reach, else loopback.
Interface reachable(const std::vector<Interface>& all, const std::string& fallback) {
  for (const auto& entry : all) {
    if (!entry.loopback && entry.address.find(':') == std::string::npos) return entry;
  }
  return {fallback, "", true};
}

}  // namespace

std::string host_identity() {
  const std::string parts =
      text(first_line("/etc/machine-id"), "|", first_line("/proc/sys/kernel/random/boot_id"), "|", getuid(), "|",
           link_target("/proc/self/ns/ipc"), "|", link_target("/proc/self/ns/pid"));
  const auto bytes = std::as_bytes(std::span(parts.data(), parts.size()));
  return text(hash_bytes(bytes, 1), "-", hash_bytes(bytes, 2));
}

std::uint64_t random_bits() {
  std::uint64_t bits = 0;
  BATON_CHECK(getrandom(&bits, sizeof bits, 0) == sizeof bits);
  return bits;
}

bool has_rdma_device() {
  std::error_code error;
  const std::filesystem::directory_iterator devices("/sys/class/infiniband", error);
  return !error && devices != std::filesystem::directory_iterator();
}

Result<void> check_devices(const std::vector<std::string>& names) {
  for (const auto& name : names) {
    const auto device = name.substr(0, name.find(':'));
    const bool plain = !device.empty() && device.find('/') == std::string::npos && !device.starts_with('.');
    std::error_code error;
    const bool known = plain && (std::filesystem::exists("/sys/class/net/" + device, error) ||
                                 std::filesystem::exists("/sys/class/infiniband/" + device, error));
    if (!known) return fail(Errc::config, text("kv_transfer.devices: this machine has no device '", name, "'"));
  }
  return {};
}

Result<LocalAddress> resolve_local(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (status != 0) {
    return fail(Errc::config, text("cannot resolve the KV transfer address '", host, "': ", gai_strerror(status)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  LocalAddress result{numeric(found->ai_addr, found->ai_addrlen), {}, {}};
  result.advertise = result.bind;
  const auto all = interfaces();
  if (result.bind == "0.0.0.0" || result.bind == "::") {
    result.advertise = reachable(all, "127.0.0.1").address;
    return result;
  }
  for (const auto& entry : all) {
    if (entry.address == result.bind) result.device = entry.device;
  }
  if (result.device.empty() && result.bind.starts_with("127.")) result.device = "lo";
  if (result.device.empty()) {
    return fail(Errc::config,
                text("the KV transfer address ", host, " (", result.bind, ") is not one of this machine"));
  }
  return result;
}

}  // namespace baton::transfer
