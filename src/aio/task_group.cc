#include "aio/task_group.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <list>

#include "core/clock.h"

namespace baton::aio {

struct TaskGroup::State {
  explicit State(asio::any_io_executor e) : executor(std::move(e)), idle(executor, kNever) {}
  asio::any_io_executor executor;
  asio::steady_timer idle;  ///< cancelled when the last task ends
  std::list<asio::cancellation_signal> signals;
  bool cancelled = false;
};

namespace {

void abort_on_exception(const std::exception_ptr& error) {
  if (!error) return;
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "baton: exception at a coroutine's root: %s\n", e.what());
  }
  std::abort();
}

}  // namespace

TaskGroup::TaskGroup(asio::any_io_executor executor) : state_(std::make_shared<State>(std::move(executor))) {}
TaskGroup::~TaskGroup() = default;

void TaskGroup::spawn(asio::awaitable<void> task) {
  if (state_->cancelled) return;
  state_->signals.emplace_back();
  const auto signal = std::prev(state_->signals.end());
  auto on_end = [state = state_, signal](const std::exception_ptr& error) {
    abort_on_exception(error);
    state->signals.erase(signal);
    if (state->signals.empty()) state->idle.cancel();
  };
  asio::co_spawn(state_->executor, std::move(task), asio::bind_cancellation_slot(signal->slot(), std::move(on_end)));
}

void TaskGroup::cancel() {
  state_->cancelled = true;
  // A task may end and erase its signal inside emit(), so each emission is posted and looks its signal up again.
  for (auto& signal : state_->signals) {
    asio::post(state_->executor, [state = state_, target = &signal] {
      for (auto& live : state->signals) {
        if (&live == target) {
          live.emit(asio::cancellation_type::terminal);
          return;
        }
      }
    });
  }
}

asio::awaitable<void> TaskGroup::join() {
  const auto state = state_;
  while (!state->signals.empty()) {
    auto [error] = co_await state->idle.async_wait(kNoThrow);
    (void)error;
  }
}

std::size_t TaskGroup::size() const {
  return state_->signals.size();
}

}  // namespace baton::aio
