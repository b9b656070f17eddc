#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "transfer/handover.h"

namespace baton::transfer {

/// Work for the transfer thread, from any thread. Bounded: producers wait while it is full, except the transfer
/// thread itself, which empties it.
class CommandQueue {
 public:
  using Command = std::move_only_function<void(Handover&, TimePoint)>;
  enum class Producer : std::uint8_t { other_thread, transfer_thread };

  void push(Command command, Producer producer) {
    std::unique_lock lock(mutex_);
    if (producer == Producer::other_thread) {
      room_.wait(lock, [this] { return commands_.size() < kLimit || closed_; });
    }
    if (!closed_) commands_.push_back(std::move(command));
    empty_.store(false);  // sequentially consistent: pairs with the consumer's flag that it is going to sleep
  }
  std::vector<Command> take() {
    if (empty_.load()) return {};
    const std::lock_guard lock(mutex_);
    empty_.store(true);
    room_.notify_all();
    return std::exchange(commands_, {});
  }
  bool empty() const { return empty_.load(); }
  /// Later commands are dropped.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    commands_.clear();
    room_.notify_all();
  }

 private:
  static constexpr std::size_t kLimit = 1 << 16;
  std::mutex mutex_;
  std::condition_variable room_;
  std::vector<Command> commands_;
  std::atomic<bool> empty_{true};
  bool closed_ = false;
};

}  // namespace baton::transfer
