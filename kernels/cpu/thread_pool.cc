#include "kernels/cpu/thread_pool.h"

#include <algorithm>
#include <chrono>

namespace baton::kernels {
namespace {

constexpr std::chrono::microseconds kSpin{50};
/// Next index of a job that is being set up: beyond every count, so nobody can claim.
constexpr std::uint64_t kClosed = 0x7FFFFFFF;

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Spins until `ready()` or until kSpin has passed.
template <class Ready>
bool spin_until(Ready ready) {
  const auto deadline = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 64; ++i) {
      if (ready()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return ready();
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  for (int thread = 1; thread < threads; ++thread) {
    workers_.emplace_back([this, thread] { worker_main(thread); });
  }
}

ThreadPool::~ThreadPool() {
  stop_.store(true, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run(std::int32_t count, Job job) {
  if (count <= 1 || workers_.empty()) {
    for (std::int32_t index = 0; index < count; ++index) job.call(job.context, index, 0);
    return;
  }
  const std::uint32_t generation = generation_.load(std::memory_order_relaxed) + 1;
  ticket_.store((static_cast<std::uint64_t>(generation) << 32) | kClosed, std::memory_order_relaxed);
  count_.store(count, std::memory_order_release);
  call_.store(job.call, std::memory_order_relaxed);
  context_.store(job.context, std::memory_order_relaxed);
  finished_.store(0, std::memory_order_relaxed);
  ticket_.store(static_cast<std::uint64_t>(generation) << 32, std::memory_order_release);
  generation_.store(generation, std::memory_order_release);
  generation_.notify_all();
  work_on(generation, 0);
  const auto done = [&] { return finished_.load(std::memory_order_acquire) == count; };
  if (spin_until(done)) return;
  for (std::int32_t seen = finished_.load(std::memory_order_acquire); seen != count;
       seen = finished_.load(std::memory_order_acquire)) {
    finished_.wait(seen, std::memory_order_acquire);
  }
}

void ThreadPool::work_on(std::uint32_t generation, int thread) {
  std::uint64_t ticket = ticket_.load(std::memory_order_acquire);
  while (static_cast<std::uint32_t>(ticket >> 32) == generation) {
    const auto index = static_cast<std::int32_t>(ticket & 0xFFFFFFFFU);
    const std::int32_t count = count_.load(std::memory_order_acquire);
    if (index >= count) return;
    if (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel)) continue;
    call_.load(std::memory_order_relaxed)(context_.load(std::memory_order_relaxed), index, thread);
    if (finished_.fetch_add(1, std::memory_order_acq_rel) + 1 == count) finished_.notify_one();
    ticket = ticket_.load(std::memory_order_acquire);
  }
}

void ThreadPool::worker_main(int thread) {
  std::uint32_t seen = 0;
  while (true) {
    const auto changed = [&] { return generation_.load(std::memory_order_acquire) != seen; };
    if (!spin_until(changed)) generation_.wait(seen, std::memory_order_acquire);
    if (stop_.load(std::memory_order_relaxed)) return;
    seen = generation_.load(std::memory_order_acquire);
    work_on(seen, thread);
  }
}

}  // namespace baton::kernels
