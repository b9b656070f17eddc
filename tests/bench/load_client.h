#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace baton::bench {

/// Many connections to one port on one thread, with as little work for each byte as possible: the processor belongs to
/// what is measured.
class LoadClient {
 public:
  LoadClient(std::uint16_t port, int connections) : poll_(::epoll_create1(0)) {
    for (int i = 0; i < connections; ++i) {
      const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(port);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        ::close(fd);
        continue;
      }
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
      ::epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &event);
      fds_.push_back(fd);
    }
  }
  ~LoadClient() {
    for (const int fd : fds_) ::close(fd);
    ::close(poll_);
  }
  LoadClient(const LoadClient&) = delete;
  LoadClient& operator=(const LoadClient&) = delete;

  /// Keeps one request on every connection until `count` were sent and answered; each answer must fit one read. Answers got.
  int exchange(std::string_view request, int count) {
    int to_send = count;
    for (const int fd : fds_) {
      if (to_send-- > 0) send(fd, request);
    }
    return poll_until(std::chrono::seconds(60), count, [&](int fd, std::string_view) {
      if (to_send-- > 0) send(fd, request);
      return 1;
    });
  }

  /// Sends `request` once on every connection and reads for `duration`. Returns how often `mark` came.
  int listen(std::string_view request, std::chrono::milliseconds duration, std::string_view mark) {
    for (const int fd : fds_) send(fd, request);  // nothing to send: the streams of the last call go on
    return poll_until(duration, INT32_MAX, [&](int, std::string_view bytes) {
      int marks = 0;
      for (std::size_t at = 0; (at = bytes.find(mark, at)) != std::string_view::npos; at += mark.size()) ++marks;
      return marks;
    });
  }

 private:
  template <class OnBytes>
  int poll_until(std::chrono::milliseconds patience, int count, OnBytes on_bytes) {
    const auto end = std::chrono::steady_clock::now() + patience;
    int seen = 0;
    std::array<epoll_event, 256> events;
    while (seen < count && std::chrono::steady_clock::now() < end) {
      const int ready = ::epoll_wait(poll_, events.data(), static_cast<int>(events.size()), 100);
      for (int i = 0; i < ready; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        const ssize_t got = ::recv(fd, buffer_.data(), buffer_.size(), 0);
        if (got > 0) seen += on_bytes(fd, std::string_view(buffer_.data(), static_cast<std::size_t>(got)));
        if (got <= 0) ::epoll_ctl(poll_, EPOLL_CTL_DEL, fd, nullptr);
      }
    }
    return seen;
  }
  static void send(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  int poll_;
  std::vector<int> fds_;
  std::array<char, 65536> buffer_;
};

}  // namespace baton::bench
