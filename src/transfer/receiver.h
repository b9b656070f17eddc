#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "baton/kv_layout.h"
#include "baton/transport.h"
#include "core/clock.h"
#include "transfer/liveness.h"
#include "transfer/message.h"
#include "transfer/service.h"

namespace baton::transfer {

struct ReceiverOptions {
  std::uint64_t epoch = 0;  ///< incarnation of the pool
  bool checksum = false;
  Duration stall_timeout = 1500ms;
};

/// The receiving half of the hand-over protocol: every open grant and the connections that opened them. Sans-IO like
/// Sender. Owned by the transfer thread.
///
/// A grant goes waiting → open → Received. Failure or abort turns it to draining, which ends (Drained) when its
/// blocks cannot be written any more:
///   - no message is landing in them, and
///   - the sender said `ended`, or its connection is closed, or it was bound to messages (which name the grant, so that
///     later ones are dropped).
/// A hung sender's connection is closed after a while, which revokes messages and network puts. A mapped sender can
/// not be revoked: its blocks stay draining until it answers or dies.
class Receiver {
 public:
  Receiver(ReceiverOptions options, Transport& transport, KvPoolView pool, std::vector<Event>& events);

  /// The id is not in use.
  void grant(Service::GrantRequest request, TimePoint now);
  void abort(TransferId id, TimePoint now);

  bool owns(ConnectionId connection) const { return links_.contains(connection.value); }
  void on_message(ConnectionId from, const Message& message, TimePoint now);
  std::vector<std::span<std::byte>> on_data(ConnectionId from, const DataHeader& header, std::size_t length);
  void on_placed(const DataHeader& header, std::size_t length, TransportSink::Outcome outcome, TimePoint now);
  void on_closed(ConnectionId which, const Error& why, TimePoint now);

  void advance(TimePoint now);

  bool idle() const { return grants_.empty(); }
  std::uint32_t open() const;
  std::uint32_t draining() const;
  std::uint64_t bytes_received() const { return bytes_received_; }
  std::uint64_t stale_drops() const { return stale_drops_; }

 private:
  enum class State : std::uint8_t { waiting, open, draining };
  struct Grant {
    Service::GrantRequest request;
    State state = State::waiting;
    TimePoint deadline;                      ///< for the sender to appear
    DataPath path = DataPath::message;       ///< the sender may use up to this
    std::optional<ConnectionId> connection;  ///< none: no sender, or it is gone
    std::uint32_t landing = 0;               ///< messages being written into the blocks
    std::vector<std::uint64_t> landed;       ///< bytes, per layer
    std::optional<Message> commit;
    TimePoint last_progress;
    bool writer_ended = false;
    Resend resend;  ///< of ABORT
  };
  using Grants = std::map<TransferId, Grant>;

  Grant* find(TransferId id, ConnectionId from);
  void open_grant(ConnectionId from, const Message& in, TimePoint now);
  void commit_grant(ConnectionId from, const Message& in, TimePoint now);
  void ended(ConnectionId from, const Message& in, TimePoint now);
  void complete_if_whole(Grant& grant, TimePoint now);
  bool whole(const Grant& grant) const;
  bool checksums_match(const Grant& grant) const;
  void fail_grant(Grant& grant, Error error, TimePoint now);
  void drain(Grant& grant, TimePoint now);
  bool drained(const Grant& grant) const;
  void settle();
  bool revocable(ConnectionId connection) const;
  void check_link(ConnectionId connection, Liveness& link, TimePoint now);
  void check_grant(Grant& grant, TimePoint now);
  void reply(ConnectionId to, TransferId id, MessageKind kind, Error error = {Errc::ok, {}});
  void remember(TransferId id);

  ReceiverOptions options_;
  Transport& transport_;
  KvPoolView pool_;
  std::vector<Event>& events_;
  Grants grants_;
  std::unordered_map<std::uint64_t, Liveness> links_;  ///< by connection
  std::set<TransferId> finished_;                      ///< received not long ago: COMMIT is answered again
  std::deque<TransferId> finished_order_;
  std::uint64_t bytes_received_ = 0;
  std::uint64_t stale_drops_ = 0;
};

}  // namespace baton::transfer
