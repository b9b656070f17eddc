#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace baton::test {

struct RawResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;                            ///< de-chunked
  int chunks = 0;
  bool complete = false;
};

/// A blocking TCP client on loopback that sends whatever bytes a test wants. Every read gives up after ten seconds.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port, int receive_buffer = 0) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0) setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) close();
  }
  ~RawClient() { close(); }
  RawClient(RawClient&& other) noexcept : fd_(std::exchange(other.fd_, -1)), input_(std::move(other.input_)) {}
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return fd_ >= 0; }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void half_close() { ::shutdown(fd_, SHUT_WR); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  /// Reads until `mark` was seen; what came up to and with it. Short if the server closed.
  std::string read_until(std::string_view mark) {
    std::size_t at = 0;
    while ((at = input_.find(mark)) == std::string::npos) {
      if (!fill()) return std::exchange(input_, {});
    }
    return take(at + mark.size());
  }
  std::string read_to_end() {
    while (fill()) {
    }
    return std::exchange(input_, {});
  }
  /// True if the server closes without sending more.
  bool ends() { return read_to_end().empty() && !timed_out_; }

  /// One response; `head_only` for answers to HEAD.
  RawResponse read_response(std::string_view method = "GET") {
    RawResponse response;
    std::string head = read_until("\r\n\r\n");
    if (head.size() < 12) return response;
    response.status = std::atoi(head.c_str() + 9);
    for (std::size_t at = head.find("\r\n") + 2; at + 2 < head.size();) {
      const std::size_t end = head.find("\r\n", at);
      const std::size_t colon = head.find(": ", at);
      std::string name = head.substr(at, colon - at);
      for (char& c : name) c = static_cast<char>(std::tolower(c));
      response.headers[name] = head.substr(colon + 2, end - colon - 2);
      at = end + 2;
    }
    if (response.status == 100) return read_response(method);
    read_body(response, method);
    return response;
  }

  RawResponse exchange(std::string_view method, std::string_view target, std::string_view body = {},
                       std::string_view extra_headers = {}) {
    send(request(method, target, body, extra_headers));
    return read_response(method);
  }

  static std::string request(std::string_view method, std::string_view target, std::string_view body = {},
                             std::string_view extra_headers = {}) {
    std::string text(method);
    text.append(" ").append(target).append(" HTTP/1.1\r\nHost: test\r\n").append(extra_headers);
    if (!body.empty()) {
      text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    }
    return text.append("\r\n").append(body);
  }

 private:
  void read_body(RawResponse& response, std::string_view method) {
    if (method == "HEAD" || response.status == 204) {
      response.complete = true;
    } else if (response.headers.contains("transfer-encoding")) {
      while (true) {
        const std::size_t size = std::strtoul(read_until("\r\n").c_str(), nullptr, 16);
        const std::string piece = read_exactly(size + 2);
        if (piece.size() != size + 2) return;
        if (size == 0) break;
        ++response.chunks;
        response.body += piece.substr(0, size);
      }
      response.complete = true;
    } else if (response.headers.contains("content-length")) {
      const std::size_t size = std::strtoul(response.headers["content-length"].c_str(), nullptr, 10);
      response.body = read_exactly(size);
      response.complete = response.body.size() == size;
    } else {
      response.body = read_to_end();
      response.complete = !timed_out_;
    }
  }
  std::string read_exactly(std::size_t count) {
    while (input_.size() < count && fill()) {
    }
    return take(std::min(count, input_.size()));
  }
  std::string take(std::size_t count) {
    std::string front = input_.substr(0, count);
    input_.erase(0, count);
    return front;
  }
  bool fill() {
    pollfd wanted{fd_, POLLIN, 0};
    if (::poll(&wanted, 1, 10'000) != 1) {
      timed_out_ = true;
      return false;
    }
    char bytes[65536];
    const ssize_t count = ::recv(fd_, bytes, sizeof bytes, 0);
    if (count <= 0) return false;
    input_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }

  int fd_;
  std::string input_;
  bool timed_out_ = false;
};

}  // namespace baton::test
