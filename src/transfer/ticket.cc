#include "transfer/ticket.h"

#include <algorithm>
#include <span>

#include "core/hash.h"
#include "transfer/bytes.h"
#include "transfer/text.h"

namespace baton::transfer {
namespace {

constexpr std::uint32_t kMagic = 0x314b5442;  // "BTK1"
constexpr std::uint64_t kSealSeed = 0x7469636b6574;

std::uint64_t seal(std::string_view bytes) {
  return hash_bytes(std::as_bytes(std::span(bytes.data(), bytes.size())), kSealSeed);
}

void put_layout(ByteWriter& out, const KvLayout& layout) {
  out.put(layout.layers).put(layout.blocks).put(layout.kv_heads).put(layout.block_tokens).put(layout.head_dim);
  out.put(static_cast<std::uint8_t>(layout.dtype));
}

KvLayout get_layout(ByteReader& in) {
  KvLayout layout;
  layout.layers = in.get<std::int32_t>();
  layout.blocks = in.get<std::int32_t>();
  layout.kv_heads = in.get<std::int32_t>();
  layout.block_tokens = in.get<std::int32_t>();
  layout.head_dim = in.get<std::int32_t>();
  layout.dtype = static_cast<DType>(in.get<std::uint8_t>());
  return layout;
}

/// Bounds that keep every size computed from a layout far from overflow.
bool plausible(const KvLayout& layout) {
  const auto within = [](std::int32_t value, std::int32_t most) { return value >= 1 && value <= most; };
  return within(layout.layers, 4096) && within(layout.blocks, 1 << 28) && within(layout.kv_heads, 4096) &&
         within(layout.block_tokens, 1024) && within(layout.head_dim, 8192) && layout.dtype <= DType::int4;
}

/// Consecutive ids are written as one {first, count}.
void put_blocks(ByteWriter& out, const std::vector<BlockId>& blocks) {
  std::vector<std::pair<BlockId, std::int32_t>> runs;
  for (const BlockId block : blocks) {
    if (!runs.empty() && runs.back().first + runs.back().second == block) {
      ++runs.back().second;
    } else {
      runs.emplace_back(block, 1);
    }
  }
  out.put(static_cast<std::uint32_t>(runs.size()));
  for (const auto& [first, count] : runs) out.put(first).put(count);
}

Result<std::vector<BlockId>> get_blocks(ByteReader& in, std::int32_t expected, std::int32_t pool_blocks) {
  const auto runs = in.get<std::uint32_t>();
  std::vector<BlockId> blocks;
  for (std::uint32_t i = 0; i < runs; ++i) {
    const auto first = in.get<std::int32_t>();
    const auto count = in.get<std::int32_t>();
    const auto room = expected - static_cast<std::int32_t>(blocks.size());
    if (!in.ok() || count < 1 || count > room || first < 0 || first > pool_blocks - count) {
      return fail(Errc::protocol, "ticket: block table is damaged or out of bounds");
    }
    for (std::int32_t k = 0; k < count; ++k) blocks.push_back(first + k);
  }
  if (static_cast<std::int32_t>(blocks.size()) != expected) {
    return fail(Errc::protocol, text("ticket: ", blocks.size(), " blocks, but its tokens need ", expected));
  }
  auto sorted = blocks;
  std::ranges::sort(sorted);
  if (std::ranges::adjacent_find(sorted) != sorted.end()) {
    return fail(Errc::protocol, "ticket: a block is named twice");
  }
  return blocks;
}

Result<Ticket> parse_body(ByteReader& in) {
  Ticket ticket;
  ticket.id.value = in.get<std::uint64_t>();
  ticket.epoch = in.get<std::uint64_t>();
  ticket.layout = get_layout(in);
  ticket.first_token = in.get<std::int32_t>();
  ticket.tokens = in.get<std::int32_t>();
  if (!in.ok() || !plausible(ticket.layout)) return fail(Errc::protocol, "ticket: KV layout is out of bounds");
  if (ticket.first_token < 0 || ticket.tokens < ticket.first_token || ticket.tokens > kMaxTicketTokens ||
      ticket.first_token % ticket.layout.block_tokens != 0) {
    return fail(Errc::protocol,
                text("ticket: token range [", ticket.first_token, ", ", ticket.tokens, ") is not possible"));
  }
  ticket.host = in.get_string();
  ticket.address = in.get_string();
  ticket.memory.address = in.get<std::uint64_t>();
  ticket.memory.length = in.get<std::uint64_t>();
  ticket.memory.key = in.get_string();
  const auto expected = ticket.layout.blocks_for(ticket.tokens - ticket.first_token);
  auto blocks = get_blocks(in, expected, ticket.layout.blocks);
  if (!blocks) return std::unexpected(blocks.error());
  ticket.blocks = std::move(*blocks);
  if (!in.complete()) return fail(Errc::protocol, "ticket: wrong length");
  if (ticket.memory.length != 0 && ticket.memory.length < ticket.layout.total_bytes()) {
    return fail(Errc::protocol, "ticket: memory region is smaller than its KV layout");
  }
  return ticket;
}

}  // namespace

std::string encode_ticket(const Ticket& ticket) {
  ByteWriter out;
  out.put(kMagic).put(ticket.id.value).put(ticket.epoch);
  put_layout(out, ticket.layout);
  out.put(ticket.first_token).put(ticket.tokens);
  out.put_string(ticket.host).put_string(ticket.address);
  out.put(ticket.memory.address).put(ticket.memory.length).put_string(ticket.memory.key);
  put_blocks(out, ticket.blocks);
  out.put(seal(out.bytes()));
  return out.take();
}

Result<Ticket> parse_ticket(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.get<std::uint32_t>() != kMagic) {
    return fail(Errc::protocol, "ticket: not a KV transfer ticket of this version; run the same Baton on both workers");
  }
  if (bytes.size() < 12) return fail(Errc::protocol, "ticket: too short");
  const auto body = bytes.substr(0, bytes.size() - 8);
  ByteReader tail(bytes.substr(body.size()));
  if (tail.get<std::uint64_t>() != seal(body)) return fail(Errc::protocol, "ticket: damaged on the way");
  ByteReader fields(body.substr(4));
  return parse_body(fields);
}

Result<void> check_geometry(const KvLayout& mine, const KvLayout& theirs) {
  const auto differs = [](std::string_view field, std::int64_t here, std::int64_t there) {
    return fail(Errc::transfer_failed,
                text("KV geometry differs: ", field, " is ", here, " here and ", there,
                     " on the receiver; both workers must run the same model with the same kv_dtype and block_tokens"));
  };
  if (mine.layers != theirs.layers) return differs("layers", mine.layers, theirs.layers);
  if (mine.kv_heads != theirs.kv_heads) return differs("kv_heads", mine.kv_heads, theirs.kv_heads);
  if (mine.head_dim != theirs.head_dim) return differs("head_dim", mine.head_dim, theirs.head_dim);
  if (mine.block_tokens != theirs.block_tokens) return differs("block_tokens", mine.block_tokens, theirs.block_tokens);
  if (mine.dtype != theirs.dtype) {
    return differs("dtype", static_cast<int>(mine.dtype), static_cast<int>(theirs.dtype));
  }
  return {};
}

}  // namespace baton::transfer
