#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/time.h"

namespace baton::sim {

/// What happens when, to whom. `data` is for whoever asked for it.
struct Happening {
  Nanos at = 0;
  std::uint64_t order = 0;
  std::uint32_t kind = 0;
  std::uint32_t worker = 0;
  std::uint64_t data = 0;

  bool before(const Happening& other) const { return at != other.at ? at < other.at : order < other.order; }
};

/// What is to come, earliest first; among equals in the order they were added. A heap of four children a node: half the
/// cache misses of a binary one.
class EventQueue {
 public:
  void push(Nanos at, std::uint32_t kind, std::uint32_t worker, std::uint64_t data) {
    heap_.push_back({at, next_order_++, kind, worker, data});
    sift_up(heap_.size() - 1);
  }
  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  const Happening& top() const { return heap_.front(); }
  Happening pop() {
    const Happening first = heap_.front();
    heap_.front() = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sift_down();
    return first;
  }

 private:
  static constexpr std::size_t kChildren = 4;

  void sift_up(std::size_t at) {
    const Happening moving = heap_[at];
    while (at > 0) {
      const std::size_t parent = (at - 1) / kChildren;
      if (!moving.before(heap_[parent])) break;
      heap_[at] = heap_[parent];
      at = parent;
    }
    heap_[at] = moving;
  }

  void sift_down() {
    const Happening moving = heap_.front();
    std::size_t at = 0;
    for (;;) {
      const std::size_t first = at * kChildren + 1;
      if (first >= heap_.size()) break;
      std::size_t least = first;
      for (std::size_t child = first + 1; child < first + kChildren && child < heap_.size(); ++child) {
        if (heap_[child].before(heap_[least])) least = child;
      }
      if (!heap_[least].before(moving)) break;
      heap_[at] = heap_[least];
      at = least;
    }
    heap_[at] = moving;
  }

  std::vector<Happening> heap_;
  std::uint64_t next_order_ = 0;
};

}  // namespace baton::sim
