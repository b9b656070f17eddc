#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "baton/error.h"
#include "baton/kv_layout.h"
#include "baton/transport.h"
#include "transfer/service.h"

namespace baton::transfer {

inline constexpr std::int32_t kMaxTicketTokens = 1 << 24;

/// The receiver's permission to write one sequence's KV: where, how much, and under which name.
struct Ticket {
  TransferId id;
  std::uint64_t epoch = 0;       ///< incarnation of the receiver's pool
  KvLayout layout;               ///< of the receiver's pool
  std::int32_t first_token = 0;  ///< position of the first token of blocks[0]
  std::int32_t tokens = 0;       ///< prompt tokens in all
  std::vector<BlockId> blocks;   ///< of the receiver
  std::string host;              ///< equal on both sides: they may share memory
  std::string address;           ///< Transport::address()
  RemoteMemory memory;           ///< of the receiver's pool

  std::int32_t first_block() const { return first_token / layout.block_tokens; }
};

std::string encode_ticket(const Ticket& ticket);

/// Accepts only bytes of encode_ticket(), and only consistent ones: block ids inside the pool and all different, as
/// many as the tokens need. Errors: protocol.
Result<Ticket> parse_ticket(std::string_view bytes);

/// Whether a pool of layout `mine` can be pushed into one of layout `theirs`: all but the number of blocks must be
/// equal. Errors: transfer_failed, naming the field.
Result<void> check_geometry(const KvLayout& mine, const KvLayout& theirs);

}  // namespace baton::transfer
