#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "core/hash.h"
#include "transfer/ticket.h"

namespace {

/// The seal keeps random bytes out; put a right one on so that the fields behind it are reached.
std::string sealed(std::string body) {
  const auto seal = baton::hash_bytes(std::as_bytes(std::span(body.data(), body.size())), 0x7469636b6574);
  body.append(reinterpret_cast<const char*>(&seal), sizeof seal);
  return body;
}

void check(std::string_view bytes) {
  const auto ticket = baton::transfer::parse_ticket(bytes);
  if (!ticket) return;
  if (static_cast<std::int32_t>(ticket->blocks.size()) !=
      ticket->layout.blocks_for(ticket->tokens - ticket->first_token)) {
    std::abort();
  }
  for (const auto block : ticket->blocks) {
    if (block < 0 || block >= ticket->layout.blocks) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  check(sealed("BTK1" + bytes));
  return 0;
}
