#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "baton/kv_layout.h"
#include "baton/transport.h"
#include "transfer/message.h"
#include "transfer/ticket.h"

namespace baton::transfer {

/// The next bytes to move: contiguous at the target, and for `put` at the source too.
struct Chunk {
  DataHeader header;                               ///< where it starts
  std::uint64_t remote_offset = 0;                 ///< same, as an offset into the target's pool
  std::vector<std::span<const std::byte>> pieces;  ///< one for rendezvous and for put
  std::size_t bytes = 0;
  Delivery delivery = Delivery::eager;
};

/// Which bytes of one outgoing sequence are complete, which were taken, in which order. Pure bookkeeping, no transport.
class PushQueue {
 public:
  /// `blocks` are the source blocks, one for each of ticket.blocks.
  PushQueue(const Ticket& ticket, KvPoolView pool, std::vector<BlockId> blocks);

  /// Layers [first, last) hold KV for tokens [0, upto_token). Only whole blocks are queued before the last token.
  /// Ranges outside the sequence are clamped; what was queued before is not queued again.
  void complete(std::int32_t first_layer, std::int32_t last_layer, std::int32_t upto_token);
  void complete_all();
  bool empty() const { return pieces_.empty(); }
  /// Takes the next chunk for this path. Not when empty().
  Chunk take(DataPath path);

  std::uint64_t total_bytes() const;
  /// One per layer, over the slabs in ticket order.
  std::vector<std::uint64_t> checksums() const;

 private:
  struct Piece {
    std::int32_t layer = 0;
    std::int32_t index = 0;  ///< next block to take, as a place in the ticket
    std::int32_t end = 0;
    std::size_t offset = 0;  ///< taken of block `index`
  };
  std::int32_t contiguous(std::int32_t index, std::int32_t end) const;
  Chunk take_run(Piece& piece, std::size_t most);
  Chunk take_gathered(Piece& piece);
  void advance(Piece& piece, std::size_t bytes) const;

  KvPoolView pool_;
  KvLayout target_;
  TransferId id_;
  std::uint64_t epoch_;
  std::int32_t first_token_;
  std::int32_t tokens_;
  std::vector<BlockId> source_;
  std::vector<BlockId> destination_;
  std::vector<std::int32_t> queued_;  ///< per layer: blocks queued so far
  std::deque<Piece> pieces_;
};

/// Checksum of one layer of a sequence: every slab of `blocks`, in order.
std::uint64_t layer_checksum(KvPoolView pool, std::int32_t layer, std::span<const BlockId> blocks);

}  // namespace baton::transfer
