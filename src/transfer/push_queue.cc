#include "transfer/push_queue.h"

#include <algorithm>

#include "core/check.h"
#include "core/hash.h"

namespace baton::transfer {
namespace {

/// Runs of at least this size travel in place; smaller ones are gathered and copied on the way.
constexpr std::size_t kDirectBytes = 128 << 10;
constexpr std::size_t kDirectChunk = 1 << 20;
constexpr std::size_t kGatherChunk = 256 << 10;
constexpr std::size_t kPutChunk = 4 << 20;

}  // namespace

PushQueue::PushQueue(const Ticket& ticket, KvPoolView pool, std::vector<BlockId> blocks)
    : x_pool(pool),
      x_target(ticket.layout),
      x_id(ticket.id),
      x_epoch(ticket.epoch),
      x_first_token(ticket.first_token),
      x_tokens(ticket.tokens),
      x_source(std::move(blocks)),
      x_destination(ticket.blocks),
      x_queued(static_cast<std::size_t>(pool.layout.layers), 0) {
  BATON_CHECK(x_source.size() == x_destination.size());
}

void PushQueue::complete(std::int32_t first_layer, std::int32_t last_layer, std::int32_t upto_token) {
  const auto blocks = static_cast<std::int32_t>(x_source.size());
  const auto tokens = std::min(upto_token, x_tokens) - x_first_token;
  const auto ready = upto_token >= x_tokens ? blocks : std::max(tokens, 0) / x_pool.layout.block_tokens;
  for (auto layer = std::max(first_layer, 0); layer < std::min(last_layer, x_pool.layout.layers); ++layer) {
    auto& queued = x_queued[static_cast<std::size_t>(layer)];
    if (ready <= queued) continue;
    x_pieces.push_back({layer, queued, ready, 0});
    queued = ready;
  }
}

void PushQueue::complete_all() { complete(0, x_pool.layout.layers, x_tokens); }

std::int32_t PushQueue::contiguous(std::int32_t index, std::int32_t end) const {
  std::int32_t count = 1;
  while (index + count < end) {
    const auto at = static_cast<std::size_t>(index + count);
    if (x_source[at] != x_source[at - 1] + 1 || x_destination[at] != x_destination[at - 1] + 1) break;
    ++count;
  }
  return count;
}

void PushQueue::advance(Piece& piece, std::size_t bytes) const {
  const auto slab = x_pool.layout.slab_bytes();
  piece.offset += bytes;
  piece.index += static_cast<std::int32_t>(piece.offset / slab);
  piece.offset %= slab;
}

Chunk PushQueue::take_run(Piece& piece, std::size_t most) {
  const auto at = static_cast<std::size_t>(piece.index);
  const auto run = static_cast<std::size_t>(contiguous(piece.index, piece.end)) * x_pool.layout.slab_bytes();
  Chunk chunk;
  chunk.header = {x_id, x_epoch, piece.layer, piece.index, piece.offset};
  chunk.remote_offset = x_target.slab_offset(piece.layer, x_destination[at]) + piece.offset;
  chunk.bytes = std::min(run - piece.offset, most);
  chunk.pieces.emplace_back(x_pool.slab(piece.layer, x_source[at]) + piece.offset, chunk.bytes);
  chunk.delivery = Delivery::rendezvous;
  advance(piece, chunk.bytes);
  return chunk;
}

/// Short runs, up to kGatherChunk of them in one message; stops before a run that is worth sending by itself.
Chunk PushQueue::take_gathered(Piece& piece) {
  const auto slab = x_pool.layout.slab_bytes();
  Chunk chunk;
  chunk.header = {x_id, x_epoch, piece.layer, piece.index, 0};
  while (piece.index < piece.end && chunk.bytes < kGatherChunk) {
    const auto count = contiguous(piece.index, piece.end);
    const auto bytes = static_cast<std::size_t>(count) * slab;
    if (bytes >= kDirectBytes) break;
    chunk.pieces.emplace_back(x_pool.slab(piece.layer, x_source[static_cast<std::size_t>(piece.index)]), bytes);
    chunk.bytes += bytes;
    piece.index += count;
  }
  return chunk;
}

Chunk PushQueue::take(DataPath path) {
  BATON_CHECK(!x_pieces.empty());
  auto& piece = x_pieces.front();
  const auto run = static_cast<std::size_t>(contiguous(piece.index, piece.end)) * x_pool.layout.slab_bytes();
  auto chunk = path != DataPath::message                        ? take_run(piece, kPutChunk)
               : piece.offset != 0 || run >= kDirectBytes ? take_run(piece, kDirectChunk)
                                                                : take_gathered(piece);
  if (piece.index == piece.end) x_pieces.pop_front();
  return chunk;
}

std::uint64_t PushQueue::total_bytes() const {
  return static_cast<std::uint64_t>(x_source.size()) * x_pool.layout.slab_bytes() *
         static_cast<std::uint64_t>(x_pool.layout.layers);
}

std::vector<std::uint64_t> PushQueue::checksums() const {
  std::vector<std::uint64_t> result;
  for (std::int32_t layer = 0; layer < x_pool.layout.layers; ++layer) {
    result.push_back(layer_checksum(x_pool, layer, x_source));
  }
  return result;
}

std::uint64_t layer_checksum(KvPoolView pool, std::int32_t layer, std::span<const BlockId> blocks) {
  std::uint64_t sum = static_cast<std::uint64_t>(layer);
  for (const BlockId block : blocks) sum = hash_bytes({pool.slab(layer, block), pool.layout.slab_bytes()}, sum);
  return sum;
}

}  // namespace baton::transfer
