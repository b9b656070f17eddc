#include "kernels/cpu/thread_pool.h"

#include <gtest/gtest.h>

#include <vector>

namespace baton::kernels {
namespace {

TEST(ThreadPool, RunsEveryIndexExactlyOnce) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (const std::int32_t count : {0, 1, 2, 3, 64, 1000}) {
      std::vector<int> hits(static_cast<std::size_t>(count));
      pool.parallel_for(count, [&](std::int32_t index, int thread) {
        ++hits[static_cast<std::size_t>(index)];
        EXPECT_GE(thread, 0);
        EXPECT_LT(thread, threads);
      });
      EXPECT_EQ(hits, std::vector<int>(static_cast<std::size_t>(count), 1));
    }
  }
}

TEST(ThreadPool, ManyShortJobsInARowNeverMixUp) {
  ThreadPool pool(4);
  std::vector<std::int64_t> slots(17);
  std::int64_t expected = 0;
  for (std::int64_t job = 0; job < 20000; ++job) {
    const auto count = static_cast<std::int32_t>(2 + job % 16);
    pool.parallel_for(count, [&, job](std::int32_t index, int) { slots[static_cast<std::size_t>(index)] += job; });
    expected += job * count;
  }
  std::int64_t total = 0;
  for (const std::int64_t slot : slots) total += slot;
  EXPECT_EQ(total, expected);
}

TEST(ThreadPool, AnIdlePoolEndsAtOnce) {
  for (int i = 0; i < 50; ++i) ThreadPool pool(3);
}

}  // namespace
}  // namespace baton::kernels
