#include "support/http_client.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace baton::test {
namespace {

using Clock = std::chrono::steady_clock;

class Socket {
 public:
  Socket(std::uint16_t port, Clock::time_point deadline) : deadline_(deadline) {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  bool connected() const { return connected_; }
  bool send_all(std::string_view data) {
    while (!data.empty()) {
      const auto n = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      data.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  /// Appends what arrives; false at the end of the stream, on an error or when time is up.
  bool receive(std::string& buffer) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
    pollfd entry{fd_, POLLIN, 0};
    if (left <= 0 || ::poll(&entry, 1, static_cast<int>(left)) <= 0) return false;
    char chunk[16384];
    const auto n = ::recv(fd_, chunk, sizeof chunk, 0);
    if (n <= 0) return false;
    buffer.append(chunk, static_cast<std::size_t>(n));
    return true;
  }

 private:
  int fd_ = -1;
  bool connected_ = false;
  Clock::time_point deadline_;
};

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

void parse_head(std::string_view head, HttpResponse& response) {
  response.status = std::atoi(std::string(head.substr(head.find(' ') + 1)).c_str());
  std::size_t at = head.find("\r\n");
  while (at != std::string_view::npos && at + 2 < head.size()) {
    const std::size_t end = head.find("\r\n", at + 2);
    const auto line = head.substr(at + 2, end == std::string_view::npos ? end : end - at - 2);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      auto value = line.substr(colon + 1);
      while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
      response.headers[lower(std::string(line.substr(0, colon)))] = value;
    }
    at = end;
  }
}

/// Moves whole chunks from `input` to the body; true when the final chunk was seen.
bool take_chunks(std::string& input, HttpResponse& response, const std::function<bool(std::string_view)>& on_data,
                 bool& stopped) {
  for (;;) {
    const std::size_t line_end = input.find("\r\n");
    if (line_end == std::string::npos) return false;
    const std::size_t size = std::strtoul(input.c_str(), nullptr, 16);
    if (input.size() < line_end + 2 + size + 2) return false;
    const std::string data = input.substr(line_end + 2, size);
    input.erase(0, line_end + 2 + size + 2);
    if (size == 0) return true;
    response.body += data;
    if (on_data && !on_data(data)) {
      stopped = true;
      return false;
    }
  }
}

}  // namespace

HttpResponse http(const HttpRequest& request, const std::function<bool(std::string_view)>& on_data) {
  HttpResponse response;
  Socket socket(request.port, Clock::now() + request.timeout);
  if (!socket.connected()) return response;
  std::string head = request.method + " " + request.target + " HTTP/1.1\r\nHost: localhost\r\n" + request.headers;
  if (!request.body.empty() || request.method == "POST") {
    head += "Content-Type: application/json\r\nContent-Length: " + std::to_string(request.body.size()) + "\r\n";
  }
  socket.send_all(head + "\r\n" + request.body);

  std::string input;
  std::size_t head_end = std::string::npos;
  while ((head_end = input.find("\r\n\r\n")) == std::string::npos) {
    if (!socket.receive(input)) return response;
  }
  parse_head(std::string_view(input).substr(0, head_end), response);
  input.erase(0, head_end + 4);

  if (response.headers.contains("transfer-encoding")) {
    bool stopped = false;
    for (;;) {
      response.complete = take_chunks(input, response, on_data, stopped);
      if (response.complete || stopped || !socket.receive(input)) return response;
    }
  }
  const auto length = response.headers.find("content-length");
  const std::size_t want = length == response.headers.end() ? std::string::npos : std::stoul(length->second);
  while (input.size() < want && socket.receive(input)) {
  }
  response.body = input;
  response.complete = want == std::string::npos || input.size() >= want;
  if (on_data) on_data(response.body);
  return response;
}

HttpResponse post(std::uint16_t port, std::string target, std::string body,
                  const std::function<bool(std::string_view)>& on_data) {
  HttpRequest request{.port = port, .method = "POST", .target = std::move(target), .body = std::move(body)};
  return http(request, on_data);
}

}  // namespace baton::test
