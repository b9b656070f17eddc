#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <type_traits>
#include <vector>

namespace baton::kernels {

/// A few threads for short data-parallel loops. Idle threads spin for 50 µs, then sleep on a futex.
/// parallel_for() may be called by one thread at a time. The threads end with the pool.
class ThreadPool {
 public:
  /// `threads` counts the caller too; at least 1.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Runs body(index, thread) for every index in [0, count), thread in [0, threads()), and returns when all are done.
  /// Which thread gets which index is not determined. `body` must not throw.
  template <class Body>
  void parallel_for(std::int32_t count, Body&& body) {
    using Plain = std::remove_reference_t<Body>;
    run(count, Job{[](void* context, std::int32_t index, int thread) { (*static_cast<Plain*>(context))(index, thread); },
                   const_cast<void*>(static_cast<const void*>(&body))});
  }

 private:
  struct Job {
    void (*call)(void* context, std::int32_t index, int thread);
    void* context;
  };

  void run(std::int32_t count, Job job);
  void work_on(std::uint32_t generation, int thread);
  void worker_main(int thread);

  // A thread claims an index by a compare-exchange on (generation, next index): one that comes late cannot touch a
  // newer job, so the caller waits for claimed indices only, never for a thread the system has not scheduled.
  alignas(64) std::atomic<std::uint64_t> ticket_{0};
  std::atomic<std::int32_t> count_{0};
  std::atomic<void (*)(void*, std::int32_t, int)> call_{nullptr};
  std::atomic<void*> context_{nullptr};
  alignas(64) std::atomic<std::int32_t> finished_{0};
  alignas(64) std::atomic<std::uint32_t> generation_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

}  // namespace baton::kernels
