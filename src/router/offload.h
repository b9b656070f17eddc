#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <type_traits>
#include <utility>

#include "aio/asio.h"

namespace baton::router {

/// Bodies above this are parsed and tokenised on another thread: they take longer than other streams should wait.
inline constexpr std::size_t kInlineBytes = 4U << 10;

/// Runs `work` on the pool and resumes on the awaiting coroutine's executor. `work` stays where it is until then.
template <class Work>
aio::asio::awaitable<std::invoke_result_t<Work&>> run_on(boost::asio::thread_pool& pool, Work& work) {
  namespace asio = aio::asio;
  using Answer = std::invoke_result_t<Work&>;
  auto initiate = [&pool, &work](auto handler) {
    auto executor = asio::get_associated_executor(handler);
    asio::post(pool, [handler = std::move(handler), executor, &work]() mutable {
      auto answer = std::make_unique<Answer>(work());
      asio::post(executor, [handler = std::move(handler), answer = std::move(answer)]() mutable {
        std::move(handler)(std::move(*answer));
      });
    });
  };
  auto token = asio::use_awaitable;
  co_return co_await asio::async_initiate<decltype(token), void(Answer)>(std::move(initiate), token);
}

}  // namespace baton::router
