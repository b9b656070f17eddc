#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <variant>

#include "baton/types.h"
#include "core/clock.h"
#include "transfer/service.h"

namespace baton::worker {

/// One router connection (a shard of a router). Never reused while the worker lives.
using ConnectionId = StrongId<struct ConnectionTag>;

/// Attempt ids are unique per connection only.
struct AttemptKey {
  ConnectionId connection;
  AttemptId attempt;
  friend auto operator<=>(const AttemptKey&, const AttemptKey&) = default;
};

/// generate: prefill and decode here. prefill: prefill, then push the KV. reserve: receive KV, then decode.
enum class AttemptKind : std::uint8_t { generate, prefill, reserve };

// What the engine thread is told, by the control thread (routers) and the transfer thread (hand-overs).
struct Submit {
  AttemptKey key;
  AttemptKind kind = AttemptKind::generate;
  GenerationSpec spec;
  TimePoint deadline = kNever;
  double itl_slo_s = 0;  ///< promised between two tokens; 0: nothing
};
struct GrantIn {
  AttemptKey key;
  std::string ticket;
};
struct CancelIn {
  AttemptKey key;
};
struct ConnectionOpened {
  ConnectionId connection;
};
/// Its attempts are cancelled: nobody is left to read their tokens.
struct ConnectionClosed {
  ConnectionId connection;
};
struct TransferIn {
  transfer::Event event;
};
/// No new attempts from now on.
struct DrainIn {};
using EngineCommand = std::variant<Submit, GrantIn, CancelIn, ConnectionOpened, ConnectionClosed, TransferIn, DrainIn>;

}  // namespace baton::worker

template <>
struct std::hash<baton::worker::AttemptKey> {
  std::size_t operator()(const baton::worker::AttemptKey& key) const noexcept {
    return std::hash<std::uint64_t>{}(key.connection.value * 0x9e3779b97f4a7c15ULL + key.attempt.value);
  }
};
