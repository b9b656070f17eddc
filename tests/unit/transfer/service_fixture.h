#pragma once

#include <condition_variable>
#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/clock.h"
#include "transfer/service.h"

namespace baton::transfer {

/// Collects what a service reports.
class EventLog {
 public:
  Service::EventSink sink() {
    return [this](Event event) {
      const std::lock_guard lock(x_mutex);
      x_events.push_back(std::move(event));
      x_changed.notify_all();
    };
  }
  /// Waits until an event of this kind for this transfer is there.
  template <class Kind>
  std::optional<Kind> wait_for(TransferId id, Duration at_most = 30s) {
    std::unique_lock lock(x_mutex);
    std::optional<Kind> found;
    x_changed.wait_for(lock, at_most, [&] {
      for (const auto& event : x_events) {
        const auto* match = std::get_if<Kind>(&event);
        if (match != nullptr && match->id == id) found = *match;
      }
      return found.has_value();
    });
    return found;
  }
  template <class Kind>
  int count(TransferId id) const {
    const std::lock_guard lock(x_mutex);
    int result = 0;
    for (const auto& event : x_events) {
      const auto* match = std::get_if<Kind>(&event);
      if (match != nullptr && match->id == id) ++result;
    }
    return result;
  }

 private:
  mutable std::mutex x_mutex;
  std::condition_variable x_changed;
  std::vector<Event> x_events;
};

inline KvLayout small_layout(std::int32_t blocks = 64) {
  return {.layers = 4, .blocks = blocks, .kv_heads = 2, .block_tokens = 16, .head_dim = 32, .dtype = DType::bf16};
}

inline ServiceOptions service_options(KvProtocol protocol, KvLayout layout = small_layout()) {
  ServiceOptions options;
  options.config.protocol = protocol;
  options.layout = layout;
  options.checksum = true;
  options.stall_timeout = 10s;  // a loaded machine is not a hung peer
  return options;
}

/// A service with its events. The log outlives the service.
struct Worker {
  std::unique_ptr<EventLog> log = std::make_unique<EventLog>();
  std::unique_ptr<Service> service;

  explicit Worker(ServiceOptions options) {
    auto made = Service::create(std::move(options), log->sink());
    if (!made) throw std::runtime_error(made.error().message);
    service = std::move(*made);
  }
};

/// `count` different blocks of the pool, in random order.
inline std::vector<BlockId> random_blocks(const KvLayout& layout, std::int32_t count, std::mt19937_64& random) {
  std::vector<BlockId> all(static_cast<std::size_t>(layout.blocks));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<BlockId>(i);
  std::ranges::shuffle(all, random);
  all.resize(static_cast<std::size_t>(count));
  return all;
}

/// Every byte of a slab depends on what it belongs to, so that a misplaced one is seen.
inline std::byte pattern(std::uint64_t seed, std::int32_t layer, std::size_t index, std::size_t at) {
  return static_cast<std::byte>((seed * 131 + static_cast<std::uint64_t>(layer) * 31 + index * 7 + at * 13 + (at >> 8)) &
                                0x7f);
}

inline void fill(KvPoolView pool, std::span<const BlockId> blocks, std::uint64_t seed) {
  for (std::int32_t layer = 0; layer < pool.layout.layers; ++layer) {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      auto* const slab = pool.slab(layer, blocks[i]);
      for (std::size_t at = 0; at < pool.layout.slab_bytes(); ++at) slab[at] = pattern(seed, layer, i, at);
    }
  }
}

inline void poison(KvPoolView pool) {
  std::fill_n(pool.base, pool.layout.total_bytes(), std::byte{0xfd});
}

/// Number of slabs that differ from fill(seed) counted from sequence block `first`.
inline int wrong_slabs(KvPoolView pool, std::span<const BlockId> blocks, std::uint64_t seed, std::size_t first = 0) {
  int wrong = 0;
  for (std::int32_t layer = 0; layer < pool.layout.layers; ++layer) {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const auto* const slab = pool.slab(layer, blocks[i]);
      bool same = true;
      for (std::size_t at = 0; at < pool.layout.slab_bytes(); ++at) {
        same = same && slab[at] == pattern(seed, layer, first + i, at);
      }
      wrong += same ? 0 : 1;
    }
  }
  return wrong;
}

/// Number of slabs outside `blocks` that are not poison any more.
inline int touched_slabs(KvPoolView pool, std::span<const BlockId> blocks) {
  int touched = 0;
  for (BlockId block = 0; block < pool.layout.blocks; ++block) {
    if (std::ranges::find(blocks, block) != blocks.end()) continue;
    for (std::int32_t layer = 0; layer < pool.layout.layers; ++layer) {
      const auto* const slab = pool.slab(layer, block);
      const bool clean = std::all_of(slab, slab + pool.layout.slab_bytes(),
                                     [](std::byte value) { return value == std::byte{0xfd}; });
      touched += clean ? 0 : 1;
    }
  }
  return touched;
}

inline CommitPayload payload_of(std::int32_t tokens) {
  CommitPayload payload;
  payload.prompt_tokens = tokens;
  payload.first_token.token = 4242;
  payload.first_token.logprob = -0.5F;
  payload.first_token.top = {{4242, -0.5F}, {7, -1.25F}};
  return payload;
}

}  // namespace baton::transfer
