#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "baton/types.h"
#include "kv/cache_log.h"
#include "kv/prefix_hash.h"
#include "kv/prefix_index.h"

namespace baton::kv {

class BlockPool;

/// What a block is being used for.
///
///   take       free or (evicting) cached → held
///   match      cached → held; held: one more holder
///   grant      free or (evicting) cached → granted
///   committed  granted → held: its writer is done
///   drain      granted → draining: its holder gave up before its writer
///   release    by the last holder: held → cached if its tokens are published, everything else → free
enum class BlockState : std::uint8_t {
  free,
  cached,    ///< no holder, but its KV is in the prefix index: a match revives it, a take may evict it
  held,      ///< at least one lease; a published block may be shared by several
  granted,   ///< one lease; a remote writer fills it
  draining,  ///< nobody wants it any more, but its writer may still write
};
inline constexpr std::size_t kBlockStates = 5;

/// Blocks per state. Their sum is the pool's size at any time.
struct BlockCounts {
  std::int32_t free = 0, cached = 0, held = 0, granted = 0, draining = 0;
  std::int32_t total() const { return free + cached + held + granted + draining; }
};

/// A sequence's hold on blocks, in the order of its tokens. Move-only; gives them back when destroyed. The pool
/// outlives its leases.
class BlockLease {
 public:
  BlockLease() = default;
  BlockLease(BlockLease&& other) noexcept;
  BlockLease& operator=(BlockLease&& other) noexcept;
  ~BlockLease() { release(); }

  std::span<const BlockId> blocks() const { return blocks_; }
  std::int32_t size() const { return static_cast<std::int32_t>(blocks_.size()); }
  /// Room for `count` blocks without allocation.
  void reserve(std::int32_t count) { blocks_.reserve(static_cast<std::size_t>(count)); }
  /// Appends the blocks of a lease of the same pool.
  void append(BlockLease&& tail);
  /// The writer is done: granted blocks become ordinary held ones.
  void committed();
  /// Nobody wants the blocks any more, but the writer of the granted ones may still write: those stay out of use until
  /// release(); the others are given back at once.
  void drain();
  /// Gives every block back.
  void release();

 private:
  friend class BlockPool;
  explicit BlockLease(BlockPool& pool) : pool_(&pool) {}

  BlockPool* pool_ = nullptr;
  std::vector<BlockId> blocks_;
};

/// How far a sequence's blocks were published.
struct PrefixCursor {
  PrefixIndex::Node node = PrefixIndex::kRoot;
  PrefixHash hash = kEmptyPrefix;
  std::int32_t blocks = 0;
};

/// Who uses which block of one worker's KV pool, and which prefixes the blocks hold. Bookkeeping only: never touches KV
/// bytes. Single-threaded.
///
/// Blocks nobody holds are evicted least recently used first, tails of a prefix before its head.
class BlockPool {
 public:
  BlockPool(std::int32_t blocks, std::int32_t block_tokens);
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  /// Every lease must have come back.
  ~BlockPool();

  /// `count` blocks of unspecified content, in ascending order, evicting cached blocks as needed; all or nothing.
  std::optional<BlockLease> take(std::int32_t count);
  /// The same, appended to a lease of this pool (or an empty one). False: nothing changed.
  bool extend(BlockLease& lease, std::int32_t count);
  /// The same as take() for a remote writer: in state granted.
  std::optional<BlockLease> grant(std::int32_t count);

  /// Shares the published blocks that hold the longest prefix of `tokens`, whole blocks only.
  BlockLease match(std::span<const TokenId> tokens);
  /// Lets others match the full blocks of a sequence whose KV of `tokens` is complete in `blocks` and is never written
  /// again. Call with a growing `tokens` and the cursor the last call returned (a new one at first).
  PrefixCursor publish(PrefixCursor cursor, std::span<const TokenId> tokens, std::span<const BlockId> blocks);
  /// Evicts every cached block.
  void clear_cache();
  /// Which prefixes match() can find and which no more since the last call.
  CacheChanges take_cache_changes() { return log_.take(); }
  /// Published prefixes, at most `most`.
  std::vector<PrefixHash> published_prefixes(std::size_t most) const;

  /// How many blocks take() can give now.
  std::int32_t available() const { return counts_.free + counts_.cached; }
  const BlockCounts& counts() const { return counts_; }
  std::int32_t total() const { return static_cast<std::int32_t>(blocks_.size()); }
  std::int32_t block_tokens() const { return block_tokens_; }
  BlockState state(BlockId block) const { return blocks_[static_cast<std::size_t>(block)].state; }

  /// Recounts everything from scratch: every block in exactly one place, states, holders, free list, LRU list and
  /// index in agreement. O(blocks); for tests and debug builds.
  bool audit() const;

 private:
  friend class BlockLease;
  struct Block {
    BlockState state = BlockState::free;
    std::int32_t holders = 0;
    PrefixHash prefix = kEmptyPrefix;  // of a published block
    BlockId older = PrefixIndex::kNoBlock,
            newer = PrefixIndex::kNoBlock;  // neighbours in the LRU list of cached blocks
  };
  Block& at(BlockId block) { return blocks_[static_cast<std::size_t>(block)]; }
  std::int32_t& count(BlockState state);
  void set_state(BlockId block, BlockState state);
  bool add_blocks(BlockLease& lease, std::int32_t count, BlockState state);
  BlockId pop_free();
  void put_back(BlockId block);
  void unpublish(BlockId block);
  void lru_push(BlockId block);
  void lru_unlink(BlockId block);

  std::int32_t block_tokens_;
  std::vector<Block> blocks_;
  std::vector<BlockId> free_;  // a stack; low ids on top at first, so that tables are contiguous runs
  BlockId oldest_ = PrefixIndex::kNoBlock, newest_ = PrefixIndex::kNoBlock;
  BlockCounts counts_;
  PrefixIndex index_;
  CacheLog log_;
};

}  // namespace baton::kv
