#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <memory>
#include <semaphore>
#include <thread>

#include "aio/net.h"
#include "http/server.h"
#include "support/raw_client.h"

namespace baton::http {

/// A server on a free port with its loop on a thread. Handlers run on that thread.
class ServerTest : public testing::Test {
 protected:
  void start(Handler handler, ServerOptions options = {}) {
    options.error_response = [](const Error& error) {
      return Response{.status = errc_info(error.code).http_status, .body = error.message};
    };
    server = std::make_unique<Server>(io.get_executor(), std::move(options), std::move(handler));
    auto acceptor = aio::listen(io.get_executor(), {.host = "127.0.0.1", .port = 0});
    ASSERT_TRUE(acceptor) << acceptor.error().message;
    port = acceptor->local_endpoint().port();
    server->serve(std::move(*acceptor));
    loop = std::thread([this] { io.run(); });
  }

  /// Runs `work` on the loop's thread and waits for it.
  void on_loop(std::function<void()> work) {
    std::promise<void> done;
    aio::asio::post(io, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  void stop() {
    if (!loop.joinable()) return;
    aio::asio::co_spawn(io, server->stop(), aio::asio::detached);
    loop.join();
  }

  ~ServerTest() override { stop(); }

  aio::asio::io_context io{1};
  std::unique_ptr<Server> server;
  std::uint16_t port = 0;
  std::thread loop;
};

}  // namespace baton::http
