#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <unordered_map>
#include <vector>

#include "baton/types.h"

namespace baton::cluster {

/// How much of a prompt a worker holds: its first `blocks` blocks.
struct PrefixHit {
  WorkerId worker;
  std::int32_t blocks = 0;
};

/// Which workers hold the KV of which prefix blocks (named by kv::prefix_hash), as far as this shard knows: what workers
/// report of their caches, and what was placed on them. A worker's part is bounded; what was entered first goes first.
class PrefixMap {
 public:
  /// The worker holds, or soon will, the blocks of one prefix, first block first.
  void add(WorkerId worker, std::span<const std::uint64_t> hashes);
  void remove(WorkerId worker, std::span<const std::uint64_t> hashes);
  void forget(WorkerId worker);
  /// At most this many blocks of the worker are remembered.
  void set_capacity(WorkerId worker, std::size_t blocks);

  /// Workers that hold the start of the prompt, by ascending id; valid until the next call. Long prompts are probed at
  /// 64 places, so a hit may be short by that part of the prompt. O(64 x holders).
  std::span<const PrefixHit> match(std::span<const std::uint64_t> hashes);
  std::size_t blocks() const { return holders_.size(); }

  static constexpr std::size_t kMaxBlocks = 1U << 20;  ///< of all workers together, shared evenly

 private:
  struct Holder {
    WorkerId worker;
    std::uint32_t stamp = 0;  ///< of its latest entry in the worker's queue
  };
  struct Entry {
    std::uint64_t hash = 0;
    std::uint32_t stamp = 0;
  };
  struct Worker {
    std::deque<Entry> queue;  ///< oldest first; entries whose stamp is outdated mean nothing
    std::size_t held = 0;
    std::size_t capacity = 1U << 14;
    std::uint32_t stamp = 0;
  };

  Holder* find(std::uint64_t hash, WorkerId worker);
  void enter(WorkerId worker, Worker& state, std::uint64_t hash);
  bool erase(std::uint64_t hash, WorkerId worker);
  void trim(WorkerId worker, Worker& state);
  bool keep_holders(std::uint64_t hash, std::int32_t blocks, bool first);

  std::unordered_map<std::uint64_t, std::vector<Holder>> holders_;  ///< by hash; each by ascending worker
  std::map<WorkerId, Worker> workers_;
  std::vector<PrefixHit> hits_;
};

}  // namespace baton::cluster
