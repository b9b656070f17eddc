#include "aio/framed_connection.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "aio/net.h"
#include "aio/task_group.h"

namespace baton::aio {
namespace {

std::string frame(std::string_view payload) {
  std::string out;
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(payload.size() >> shift));
  return out.append(payload);
}

struct Pair {
  asio::io_context io;
  tcp::acceptor acceptor = *listen(io.get_executor(), {.host = "127.0.0.1", .port = 0});
  std::uint16_t port() const { return acceptor.local_endpoint().port(); }

  /// Runs `client` against `server` on one io_context and returns when both are done.
  template <class Server, class Client>
  void run(Server server, Client client) {
    TaskGroup group(io.get_executor());
    auto accept_and_serve = [this, &server]() -> asio::awaitable<void> {
      auto [error, socket] = co_await acceptor.async_accept(kNoThrow);
      EXPECT_FALSE(error);
      co_await server(std::move(socket));
    };
    auto connect_and_run = [this, &client]() -> asio::awaitable<void> {
      auto socket = co_await connect("127.0.0.1", port(), std::chrono::seconds(5));
      EXPECT_TRUE(socket.has_value());
      if (socket) co_await client(std::move(*socket));
    };
    group.spawn(accept_and_serve());
    group.spawn(connect_and_run());
    io.run();
  }
};

}  // namespace

TEST(FramedConnection, carries_frames_of_every_size_in_order) {
  Pair pair;
  std::vector<std::string> sent{"", "a", std::string(70'000, 'x'), "tail", std::string(3'000'000, 'y')};
  std::vector<std::string> received;
  auto server = [&](tcp::socket socket) -> asio::awaitable<void> {
    FramedConnection connection(std::move(socket), {});
    while (received.size() < sent.size()) {
      auto payload = co_await connection.read();
      if (!payload) break;
      received.emplace_back(*payload);
    }
  };
  auto client = [&](tcp::socket socket) -> asio::awaitable<void> {
    FramedConnection connection(std::move(socket), {});
    for (const auto& payload : sent) connection.send(frame(payload));
    auto end = co_await connection.read();
    EXPECT_FALSE(end.has_value());
    EXPECT_EQ(end.error().code, Errc::io);
  };
  pair.run(server, client);
  EXPECT_EQ(received, sent);
}

TEST(FramedConnection, puts_shared_bodies_in_their_place) {
  Pair pair;
  const auto small = std::make_shared<const std::string>(100, 's');
  const auto large = std::make_shared<const std::string>(400'000, 'l');
  std::string sent;
  std::string received;
  auto server = [&](tcp::socket socket) -> asio::awaitable<void> {
    FramedConnection connection(std::move(socket), {});
    while (true) {
      auto payload = co_await connection.read();
      if (!payload) break;
      received += *payload;
      if (received.ends_with("end")) break;
    }
  };
  auto client = [&](tcp::socket socket) -> asio::awaitable<void> {
    FramedConnection connection(std::move(socket), {});
    const auto send = [&](std::string_view head, const std::shared_ptr<const std::string>& body) {
      const std::string whole = frame(std::string(head) + *body);
      connection.send(std::string_view(whole).substr(0, 4 + head.size()), body);
      sent += whole.substr(4);
    };
    for (int i = 0; i < 3; ++i) {
      send("a", large);
      send("b", small);
      send("", large);
      connection.send(frame("c"));
      sent += "c";
    }
    connection.send(frame("end"));
    sent += "end";
    EXPECT_GT(connection.queued_bytes(), large->size());
    auto end = co_await connection.read();
    EXPECT_FALSE(end.has_value());
  };
  pair.run(server, client);
  EXPECT_EQ(received, sent);
}

TEST(FramedConnection, refuses_a_frame_over_the_limit) {
  Pair pair;
  Errc seen = Errc::ok;
  auto server = [&](tcp::socket socket) -> asio::awaitable<void> {
    FramedConnection connection(std::move(socket), {.max_frame_bytes = 10});
    auto payload = co_await connection.read();
    seen = payload ? Errc::ok : payload.error().code;
  };
  auto client = [&](tcp::socket socket) -> asio::awaitable<void> {
    FramedConnection connection(std::move(socket), {});
    connection.send(frame("eleven byte"));
    auto end = co_await connection.read();
    EXPECT_FALSE(end.has_value());
  };
  pair.run(server, client);
  EXPECT_EQ(seen, Errc::protocol);
}

TEST(FramedConnection, cuts_off_a_peer_that_does_not_read) {
  Pair pair;
  bool open = true;
  auto server = [&](tcp::socket socket) -> asio::awaitable<void> {
    FramedConnection connection(std::move(socket), {.max_queued_bytes = 1000});
    const auto big = frame(std::string(600, 'z'));
    connection.send(big);
    connection.send(big);
    open = connection.is_open();
    co_return;
  };
  auto client = [&](tcp::socket socket) -> asio::awaitable<void> {
    FramedConnection connection(std::move(socket), {});
    auto end = co_await connection.read();
    while (end) end = co_await connection.read();
  };
  pair.run(server, client);
  EXPECT_FALSE(open);
}

TEST(Connect, says_why_it_failed) {
  asio::io_context io;
  std::uint16_t port = 0;
  {
    auto acceptor = *listen(io.get_executor(), {.host = "127.0.0.1", .port = 0});
    port = acceptor.local_endpoint().port();
  }
  Error error{Errc::ok, ""};
  auto task = [&]() -> asio::awaitable<void> {
    auto socket = co_await connect("127.0.0.1", port, std::chrono::seconds(5));
    if (!socket) error = socket.error();
  };
  TaskGroup group(io.get_executor());
  group.spawn(task());
  io.run();
  EXPECT_EQ(error.code, Errc::io);
  EXPECT_NE(error.message.find("127.0.0.1:" + std::to_string(port)), std::string::npos) << error.message;
}

TEST(Listen, names_the_address_it_cannot_bind) {
  asio::io_context io;
  auto first = *listen(io.get_executor(), {.host = "127.0.0.1", .port = 0});
  auto second = listen(io.get_executor(), {.host = "127.0.0.1", .port = first.local_endpoint().port()});
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().message.find("cannot listen on 127.0.0.1:"), std::string::npos);
}

}  // namespace baton::aio
