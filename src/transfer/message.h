#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "baton/error.h"
#include "baton/transport.h"
#include "transfer/service.h"

namespace baton::transfer {

/// Who sends what: S the sender of the KV, R its receiver. Every message names (transfer, epoch).
enum class MessageKind : std::uint8_t {
  open = 1,   ///< S: I hold your ticket; nothing is written before `opened`
  opened,     ///< R: write
  refused,    ///< R: no such grant (any more), or its data is wrong; S stops for good
  commit,     ///< S: all data was written. Repeated until answered
  committed,  ///< R: it is all there. Repeated for every `commit`
  abort,      ///< R: stop writing. Repeated until `ended`
  ended,      ///< S: no write of mine is in flight and none will follow
  ping,       ///< either: are you there?
  pong,
};

struct Message {
  MessageKind kind = MessageKind::ping;
  TransferId id;
  std::uint64_t epoch = 0;
  DataPath path = DataPath::message;     ///< open: what S may use at most; commit: what it used
  CommitPayload payload;                 ///< commit
  std::uint64_t bytes = 0;               ///< commit: KV bytes in all
  std::vector<std::uint64_t> checksums;  ///< commit: one a layer, or empty
  Error error;                           ///< refused, ended
};

std::string encode_message(const Message& message);
/// Errors: protocol.
Result<Message> parse_message(std::string_view bytes);

/// Before the bytes of every bulk message: they start `offset` bytes into the slab of the ticket's block number
/// `first_index` and go on through the slabs of the following blocks. Blocks are named by their place in the grant, so
/// a sender can reach no memory but the grant's.
struct DataHeader {
  TransferId id;
  std::uint64_t epoch = 0;
  std::int32_t layer = 0;
  std::int32_t first_index = 0;
  std::uint64_t offset = 0;
};

std::string encode_data_header(const DataHeader& header);
Result<DataHeader> parse_data_header(std::string_view bytes);

}  // namespace baton::transfer
