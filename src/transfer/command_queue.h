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
    std::unique_lock lock(x_mutex);
    if (producer == Producer::other_thread) {
      x_room.wait(lock, [this] { return x_commands.size() < kLimit || x_closed; });
    }
    if (!x_closed) x_commands.push_back(std::move(command));
    x_empty.store(false);  // sequentially consistent: pairs with the consumer's flag that it is going to sleep
  }
  std::vector<Command> take() {
    if (x_empty.load()) return {};
    const std::lock_guard lock(x_mutex);
    x_empty.store(true);
    x_room.notify_all();
    return std::exchange(x_commands, {});
  }
  bool empty() const { return x_empty.load(); }
  /// Later commands are dropped.
  void close() {
    const std::lock_guard lock(x_mutex);
    x_closed = true;
    x_commands.clear();
    x_room.notify_all();
  }

 private:
  static constexpr std::size_t kLimit = 1 << 16;
  std::mutex x_mutex;
  std::condition_variable x_room;
  std::vector<Command> x_commands;
  std::atomic<bool> x_empty{true};
  bool x_closed = false;
};

}  // namespace baton::transfer
