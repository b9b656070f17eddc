#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "baton/config.h"
#include "baton/error.h"
#include "baton/kv_layout.h"
#include "baton/types.h"

namespace baton::transfer {

/// Names one hand-over: 64 random bits chosen by the receiver.
using TransferId = StrongId<struct TransferTag>;

/// What the sender adds to the KV bytes: everything D needs to go on decoding.
struct CommitPayload {
  TokenOut first_token;            ///< sampled by P; `attempt` is filled in by D
  std::int32_t prompt_tokens = 0;  ///< tokens whose KV was pushed
};

// What the service reports. Sender side: Delivered or SendFailed ends a transfer, exactly once.
struct Delivered {
  TransferId id;
  std::uint64_t bytes = 0;
  std::chrono::microseconds elapsed{0};  ///< from send() to the acknowledged COMMIT
};
struct SendFailed {
  TransferId id;
  Error error;
};
// Receiver side: Received or ReceiveFailed ends a grant that was not aborted. In every case Drained follows once no
// write can land in the blocks any more; until then they must not be reused. Received implies it (no Drained follows).
struct Received {
  TransferId id;
  CommitPayload payload;
  std::uint64_t bytes = 0;
};
struct ReceiveFailed {
  TransferId id;
  Error error;
};
struct Drained {
  TransferId id;
};
using Event = std::variant<Delivered, SendFailed, Received, ReceiveFailed, Drained>;

struct ServiceOptions {
  KvTransferConfig config;
  std::string listen_host = "127.0.0.1";          ///< address the data plane binds; never all interfaces by default
  KvLayout layout;                                ///< of this worker's pool
  bool checksum = false;                          ///< checksum every slab and verify it before Received
  std::chrono::milliseconds stall_timeout{1500};  ///< no progress for so long: the peer counts as hung
};

/// The KV hand-over plane of one worker: owns the pool's memory (so that it can be registered or shared), one
/// transfer thread, and every connection to other workers. All methods are thread-safe and return at once; outcomes
/// arrive as Events on the transfer thread, which must not block.
///
/// Receiver: grant() → (P writes) → Received | ReceiveFailed; abort() → Drained.
/// Sender: send() → push_layers()… → finish() → Delivered | SendFailed.
class Service {
 public:
  using EventSink = std::function<void(Event)>;

  static Result<std::unique_ptr<Service>> create(ServiceOptions options, EventSink sink);
  virtual ~Service() = default;

  /// The KV pool's memory; lives as long as the service. Zeroed.
  virtual KvPoolView pool() const = 0;
  /// The transport in use: "tcp", "shm" or "rdma".
  virtual std::string transport() const = 0;
  /// Opaque address other workers connect to, carried inside tickets.
  virtual std::string address() const = 0;

  /// Receiver: lets one sender write `tokens` tokens of KV into `blocks` (in order). Blocks that already hold their
  /// prefix are left out: `first_token` is the position of the first token of blocks[0] (a multiple of block_tokens).
  /// Returns the ticket's bytes for the sender.
  struct GrantRequest {
    TransferId id;
    std::vector<BlockId> blocks;
    std::int32_t first_token = 0;
    std::int32_t tokens = 0;  ///< prompt tokens in all, first_token included
    std::chrono::milliseconds timeout{30'000};
  };
  virtual std::string grant(GrantRequest request) = 0;
  /// Receiver: no longer wants it. Drained follows once the blocks are safe to reuse. Idempotent.
  virtual void abort(TransferId id) = 0;

  /// Sender: opens a transfer for a ticket. `blocks` are this worker's blocks of the same sequence from token 0 on;
  /// they stay untouched until Delivered or SendFailed. A malformed ticket or a geometry mismatch is an error here,
  /// before a byte moves.
  virtual Result<TransferId> send(std::string_view ticket, std::vector<BlockId> blocks) = 0;
  /// Sender: layers [first, last) are complete for tokens [0, upto_token): push what was not pushed yet.
  virtual void push_layers(TransferId id, std::int32_t first_layer, std::int32_t last_layer,
                           std::int32_t upto_token) = 0;
  /// Sender: everything was handed to push_layers; send COMMIT after the data and wait for the acknowledgement.
  virtual void finish(TransferId id, CommitPayload payload) = 0;
  /// Sender: stop; SendFailed(cancelled) follows when no byte of it is in flight any more.
  virtual void cancel(TransferId id) = 0;

  struct Stats {
    std::uint64_t bytes_sent = 0, bytes_received = 0, transfers_sent = 0, transfers_received = 0, failed = 0;
    std::uint32_t open_grants = 0, open_sends = 0, draining = 0;
  };
  virtual Stats stats() const = 0;
};

}  // namespace baton::transfer
