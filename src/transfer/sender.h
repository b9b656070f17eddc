#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "baton/kv_layout.h"
#include "baton/transport.h"
#include "core/clock.h"
#include "transfer/liveness.h"
#include "transfer/message.h"
#include "transfer/push_queue.h"
#include "transfer/service.h"

namespace baton::transfer {

struct SenderOptions {
  KvProtocol protocol = KvProtocol::automatic;
  bool allow_fallback = false;
  bool checksum = false;
  std::string host;  ///< host identity; a ticket with the same one may share memory
  Duration stall_timeout = 1500ms;
};

/// The sending half of the hand-over protocol: every outgoing transfer and the connections they use. Sans-IO: acts
/// through the Transport, is told what happened, reads no clock. Owned by the transfer thread.
///
/// A transfer goes opening → streaming → committing → Delivered. From any state it may turn to ending, which waits
/// until no byte is in flight before it reports SendFailed.
class Sender {
 public:
  /// Outcomes are appended to `events`, which outlives the sender, as do `transport` and the pool.
  Sender(SenderOptions options, Transport& transport, KvPoolView pool, std::vector<Event>& events);

  /// Starts a transfer. `blocks`: one for each of ticket.blocks. The id is not in use.
  void send(Ticket ticket, std::vector<BlockId> blocks, TimePoint now);
  void push_layers(TransferId id, std::int32_t first_layer, std::int32_t last_layer, std::int32_t upto_token);
  void finish(TransferId id, CommitPayload payload);
  void cancel(TransferId id);

  bool owns(ConnectionId connection) const { return connections_.contains(connection.value); }
  void on_message(ConnectionId from, const Message& message, TimePoint now);
  void on_sent(ConnectionId to, std::uint64_t tag, TransportSink::Outcome outcome, TimePoint now);
  void on_flushed(ConnectionId to, std::uint64_t tag, TransportSink::Outcome outcome, TimePoint now);
  void on_closed(ConnectionId which, const Error& why, TimePoint now);

  /// Posts what there is room for and runs the timers.
  void advance(TimePoint now);

  bool idle() const { return sessions_.empty(); }
  std::uint32_t open() const { return static_cast<std::uint32_t>(sessions_.size()); }
  std::uint64_t bytes_sent() const { return bytes_sent_; }
  /// Path of the transfer opened last.
  std::optional<DataPath> last_path() const { return last_path_; }

 private:
  enum class State : std::uint8_t { opening, streaming, committing, ending };
  enum class Flush : std::uint8_t { none, running, done };
  struct Session {
    Session(const Ticket& permission, KvPoolView pool, std::vector<BlockId> blocks)
        : ticket(permission), queue(permission, pool, std::move(blocks)) {}

    Ticket ticket;
    PushQueue queue;
    TimePoint started;
    State state = State::opening;
    DataPath path = DataPath::message;
    Flush flush = Flush::none;
    std::uint32_t retries = 0;
    std::uint32_t in_flight = 0;  ///< operations
    std::uint64_t posted = 0;     ///< bytes
    bool acknowledged = false;
    bool tell_receiver = true;  ///< when ending: the receiver waits for `ended`
    std::optional<CommitPayload> payload;
    std::string commit;  ///< encoded, to be repeated
    Resend resend;
    TimePoint last_progress;
    std::optional<ConnectionId> connection;
    Error error;
  };
  /// A receiver, by address. Outlives its connections.
  struct Peer {
    std::string address;
    std::optional<ConnectionId> connection;
    bool established = false;  ///< it answered over this connection
    TimePoint next_connect;
    Duration backoff{};
    Liveness liveness;
    std::size_t bytes_in_flight = 0;
    std::uint32_t operations = 0;
  };
  struct Operation {
    TransferId id;
    std::size_t bytes = 0;
  };
  using Sessions = std::map<TransferId, Session>;

  Session* find(TransferId id);
  Peer& peer_of(const Session& session) { return peers_.at(session.ticket.address); }
  void reconnect(Session& session, TimePoint now);
  void opened(Session& session, ConnectionId from, TimePoint now);
  void post(TimePoint now);
  bool post_one(Session& session);
  void commit_if_ready(Session& session, TimePoint now);
  void fail_session(Session& session, Error error);
  void settle(TimePoint now);
  Sessions::iterator report(Sessions::iterator at, TimePoint now);
  void run_timers(TimePoint now);
  void check_peer(Peer& peer, TimePoint now);
  Message message(const Session& session, MessageKind kind) const;
  DataPath best_path(const Ticket& ticket) const;
  Result<DataPath> attach(const Session& session, ConnectionId connection);

  SenderOptions options_;
  Transport& transport_;
  KvPoolView pool_;
  std::vector<Event>& events_;
  Sessions sessions_;
  std::map<std::string, Peer> peers_;
  std::unordered_map<std::uint64_t, std::string> connections_;  ///< connection → peer address
  std::unordered_map<std::uint64_t, Operation> operations_;     ///< by tag
  std::uint64_t next_tag_ = 1;
  std::uint64_t bytes_sent_ = 0;
  std::optional<DataPath> last_path_;
};

}  // namespace baton::transfer
