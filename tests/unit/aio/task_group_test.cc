#include "aio/task_group.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <thread>

#include "aio/bounded_queue.h"
#include "aio/net.h"

namespace baton::aio {

TEST(TaskGroup, join_waits_for_the_last_task_and_cancel_ends_sleepers) {
  asio::io_context io;
  TaskGroup sleepers(io.get_executor());
  TaskGroup main_group(io.get_executor());
  int ended = 0;
  auto sleeper = [&]() -> asio::awaitable<void> {
    co_await sleep_until(kNever);
    ++ended;
  };
  auto driver = [&]() -> asio::awaitable<void> {
    for (int i = 0; i < 10; ++i) sleepers.spawn(sleeper());
    EXPECT_EQ(sleepers.size(), 10U);
    sleepers.cancel();
    sleepers.spawn(sleeper());  // refused
    co_await sleepers.join();
    EXPECT_EQ(ended, 10);
  };
  main_group.spawn(driver());
  io.run();
  EXPECT_EQ(ended, 10);
  EXPECT_EQ(sleepers.size(), 0U);
}

TEST(BoundedQueue, refuses_when_full_and_when_closed) {
  int woken = 0;
  BoundedQueue<int> queue(2, [&] { ++woken; });
  EXPECT_TRUE(queue.push(1));
  EXPECT_TRUE(queue.push(2));
  EXPECT_FALSE(queue.push(3));
  queue.push_always(4);
  EXPECT_EQ(queue.take(), (std::vector<int>{1, 2, 4}));
  EXPECT_EQ(woken, 1);
  queue.close();
  EXPECT_FALSE(queue.push(5));
  EXPECT_TRUE(queue.wait(kNever).empty());
}

TEST(BoundedQueue, hands_over_everything_between_threads) {
  BoundedQueue<int> queue(1000);
  std::thread producer([&] {
    for (int i = 0; i < 100'000;) i += queue.push(int{i}) ? 1 : 0;
    queue.close();
  });
  int expected = 0;
  for (bool done = false; !done;) {
    done = queue.closed();
    for (const int value : queue.wait(kNever)) ASSERT_EQ(value, expected++);
  }
  producer.join();
  EXPECT_EQ(expected, 100'000);
}

}  // namespace baton::aio
