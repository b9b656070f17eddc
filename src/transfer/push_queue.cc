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
    : pool_(pool),
      target_(ticket.layout),
      id_(ticket.id),
      epoch_(ticket.epoch),
      first_token_(ticket.first_token),
      tokens_(ticket.tokens),
      source_(std::move(blocks)),
      destination_(ticket.blocks),
      queued_(static_cast<std::size_t>(pool.layout.layers), 0) {
  BATON_CHECK(source_.size() == destination_.size());
}

void PushQueue::complete(std::int32_t first_layer, std::int32_t last_layer, std::int32_t upto_token) {
  const auto blocks = static_cast<std::int32_t>(source_.size());
  const auto tokens = std::min(upto_token, tokens_) - first_token_;
  const auto ready = upto_token >= tokens_ ? blocks : std::max(tokens, 0) / pool_.layout.block_tokens;
  for (auto layer = std::max(first_layer, 0); layer < std::min(last_layer, pool_.layout.layers); ++layer) {
    auto& queued = queued_[static_cast<std::size_t>(layer)];
    if (ready <= queued) continue;
    pieces_.push_back({layer, queued, ready, 0});
    queued = ready;
  }
}

void PushQueue::complete_all() {
  complete(0, pool_.layout.layers, tokens_);
}

std::int32_t PushQueue::contiguous(std::int32_t index, std::int32_t end) const {
  std::int32_t count = 1;
  while (index + count < end) {
    const auto at = static_cast<std::size_t>(index + count);
    if (source_[at] != source_[at - 1] + 1 || destination_[at] != destination_[at - 1] + 1) break;
    ++count;
  }
  return count;
}

void PushQueue::advance(Piece& piece, std::size_t bytes) const {
  const auto slab = pool_.layout.slab_bytes();
  piece.offset += bytes;
  piece.index += static_cast<std::int32_t>(piece.offset / slab);
  piece.offset %= slab;
}

Chunk PushQueue::take_run(Piece& piece, std::size_t most) {
  const auto at = static_cast<std::size_t>(piece.index);
  const auto run = static_cast<std::size_t>(contiguous(piece.index, piece.end)) * pool_.layout.slab_bytes();
  Chunk chunk;
  chunk.header = {id_, epoch_, piece.layer, piece.index, piece.offset};
  chunk.remote_offset = target_.slab_offset(piece.layer, destination_[at]) + piece.offset;
  chunk.bytes = std::min(run - piece.offset, most);
  chunk.pieces.emplace_back(pool_.slab(piece.layer, source_[at]) + piece.offset, chunk.bytes);
  chunk.delivery = Delivery::rendezvous;
  advance(piece, chunk.bytes);
  return chunk;
}

/// Short runs, up to kGatherChunk of them in one message; stops before a run that is worth sending by itself.
Chunk PushQueue::take_gathered(Piece& piece) {
  const auto slab = pool_.layout.slab_bytes();
  Chunk chunk;
  chunk.header = {id_, epoch_, piece.layer, piece.index, 0};
  while (piece.index < piece.end && chunk.bytes < kGatherChunk) {
    const auto count = contiguous(piece.index, piece.end);
    const auto bytes = static_cast<std::size_t>(count) * slab;
    if (bytes >= kDirectBytes) break;
    chunk.pieces.emplace_back(pool_.slab(piece.layer, source_[static_cast<std::size_t>(piece.index)]), bytes);
    chunk.bytes += bytes;
    piece.index += count;
  }
  return chunk;
}

Chunk PushQueue::take(DataPath path) {
  BATON_CHECK(!pieces_.empty());
  auto& piece = pieces_.front();
  const auto run = static_cast<std::size_t>(contiguous(piece.index, piece.end)) * pool_.layout.slab_bytes();
  auto chunk = path != DataPath::message                  ? take_run(piece, kPutChunk)
               : piece.offset != 0 || run >= kDirectBytes ? take_run(piece, kDirectChunk)
                                                          : take_gathered(piece);
  if (piece.index == piece.end) pieces_.pop_front();
  return chunk;
}

std::uint64_t PushQueue::total_bytes() const {
  return static_cast<std::uint64_t>(source_.size()) * pool_.layout.slab_bytes() *
         static_cast<std::uint64_t>(pool_.layout.layers);
}

std::vector<std::uint64_t> PushQueue::checksums() const {
  std::vector<std::uint64_t> result;
  for (std::int32_t layer = 0; layer < pool_.layout.layers; ++layer) {
    result.push_back(layer_checksum(pool_, layer, source_));
  }
  return result;
}

std::uint64_t layer_checksum(KvPoolView pool, std::int32_t layer, std::span<const BlockId> blocks) {
  std::uint64_t sum = static_cast<std::uint64_t>(layer);
  for (const BlockId block : blocks) sum = hash_bytes({pool.slab(layer, block), pool.layout.slab_bytes()}, sum);
  return sum;
}

}  // namespace baton::transfer
