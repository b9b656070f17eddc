#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "core/clock.h"

namespace baton::aio {

/// Hands moved values from any thread to one consumer thread. Bounded: push() on a full queue says no and the caller
/// gives its explicit answer. The consumer either blocks in wait() or is woken through the notify callback, which runs
/// on the producer's thread, once per change from empty to not empty.
template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity, std::function<void()> notify = {})
      : capacity_(capacity), notify_(std::move(notify)) {}

  /// Thread-safe. False when full or closed; the value is then untouched.
  bool push(T&& value) {
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      if (closed_ || items_.size() >= capacity_) return false;
      wake = items_.empty();
      items_.push_back(std::move(value));
    }
    if (wake) this->wake();
    return true;
  }

  /// As push(), but beyond the bound too: for messages whose loss would leak (cancellations, completions). Their number
  /// is bounded by the work admitted through push().
  void push_always(T&& value) {
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      wake = items_.empty();
      items_.push_back(std::move(value));
    }
    if (wake) this->wake();
  }

  /// Takes everything at once; never blocks.
  std::vector<T> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(items_, {});
  }

  /// Blocks until there is something, the queue is closed, or `deadline` passes; then as take().
  std::vector<T> wait(TimePoint deadline) {
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return closed_ || !items_.empty(); };
    if (deadline == kNever) {
      ready_.wait(lock, ready);
    } else {
      ready_.wait_until(lock, deadline, ready);
    }
    return std::exchange(items_, {});
  }

  /// Wakes the consumer for good; push() says no from now on.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    ready_.notify_all();
  }

  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  void wake() {
    ready_.notify_one();
    if (notify_) notify_();
  }

  const std::size_t capacity_;
  const std::function<void()> notify_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<T> items_;
  bool closed_ = false;
};

}  // namespace baton::aio
