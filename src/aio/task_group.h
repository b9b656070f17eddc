#pragma once

#include <cstddef>
#include <memory>

#include "aio/asio.h"

namespace baton::aio {

/// Owns the coroutines of one object on one io_context thread: cancel() asks all of them to stop, join() waits until
/// the last has ended. An exception that reaches a coroutine's root is a defect and aborts with its text. Not
/// thread-safe: use from the executor's thread only. Whatever the tasks refer to must outlive them: join first.
class TaskGroup {
 public:
  explicit TaskGroup(asio::any_io_executor executor);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts `task`. After cancel() nothing is started.
  void spawn(asio::awaitable<void> task);
  void cancel();
  asio::awaitable<void> join();
  std::size_t size() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace baton::aio
