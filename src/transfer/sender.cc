#include "transfer/sender.h"

#include <algorithm>

#include "core/check.h"
#include "transfer/text.h"

namespace baton::transfer {
namespace {

/// Bounds on what is in flight to one peer: enough to keep a link busy, little enough to stop soon.
constexpr std::size_t kWindowBytes = 8 << 20;
constexpr std::uint32_t kWindowOperations = 64;
constexpr Duration kFirstBackoff = 50ms;
constexpr Duration kMaxBackoff = 1s;

}  // namespace

Sender::Sender(SenderOptions options, Transport& transport, KvPoolView pool, std::vector<Event>& events)
    : options_(std::move(options)), transport_(transport), pool_(pool), events_(events) {}

Sender::Session* Sender::find(TransferId id) {
  const auto at = sessions_.find(id);
  return at == sessions_.end() ? nullptr : &at->second;
}

Message Sender::message(const Session& session, MessageKind kind) const {
  Message result;
  result.kind = kind;
  result.id = session.ticket.id;
  result.epoch = session.ticket.epoch;
  return result;
}

void Sender::send(Ticket ticket, std::vector<BlockId> blocks, TimePoint now) {
  const auto id = ticket.id;
  BATON_CHECK(!sessions_.contains(id));
  auto& peer = peers_[ticket.address];
  peer.address = ticket.address;
  auto& session = sessions_.try_emplace(id, ticket, pool_, std::move(blocks)).first->second;
  session.started = session.last_progress = now;
  reconnect(session, now);
}

/// Sends OPEN over the peer's connection, making one first when its back-off is over.
void Sender::reconnect(Session& session, TimePoint now) {
  auto& peer = peer_of(session);
  if (!peer.connection) {
    if (now < peer.next_connect) return;
    peer.connection = transport_.connect(peer.address);
    peer.established = false;
    connections_.emplace(peer.connection->value, peer.address);
    peer.liveness.heard(now, options_.stall_timeout);
  }
  const bool only_user =
      std::ranges::none_of(sessions_, [&](const auto& entry) { return entry.second.connection == peer.connection; });
  if (only_user) peer.liveness.heard(now, options_.stall_timeout);  // nobody asked while the connection was idle
  session.connection = peer.connection;
  session.last_progress = now;
  auto open = message(session, MessageKind::open);
  open.path = best_path(session.ticket);
  transport_.send(*session.connection, encode_message(open));
}

DataPath Sender::best_path(const Ticket& ticket) const {
  switch (options_.protocol) {
    case KvProtocol::tcp:
      return DataPath::message;
    case KvProtocol::rdma:
      return DataPath::put;
    case KvProtocol::shm:
      return DataPath::mapped;
    case KvProtocol::automatic:
      break;
  }
  if (ticket.memory.length == 0) return DataPath::message;
  return ticket.host == options_.host ? DataPath::mapped : DataPath::put;
}

Result<DataPath> Sender::attach(const Session& session, ConnectionId connection) {
  const auto wanted = best_path(session.ticket);
  if (options_.protocol == KvProtocol::tcp) return DataPath::message;
  const auto got =
      session.ticket.memory.length == 0 ? DataPath::message : transport_.attach(connection, session.ticket.memory);
  if (got == wanted || options_.protocol == KvProtocol::automatic || options_.allow_fallback) return got;
  const auto what = options_.protocol == KvProtocol::rdma
                        ? "kv_transfer.protocol is rdma, but no RDMA path to the receiver was negotiated"
                        : "kv_transfer.protocol is shm, but the receiver's memory cannot be mapped here";
  return fail(Errc::config, text(what, " (", session.ticket.address, "); use protocol: auto, or allow_fallback: true"));
}

void Sender::push_layers(TransferId id, std::int32_t first_layer, std::int32_t last_layer, std::int32_t upto_token) {
  auto* session = find(id);
  if (session != nullptr && !session->payload) session->queue.complete(first_layer, last_layer, upto_token);
}

void Sender::finish(TransferId id, CommitPayload payload) {
  auto* session = find(id);
  if (session == nullptr || session->payload) return;
  session->queue.complete_all();  // normally nothing is left
  session->payload = std::move(payload);
}

void Sender::cancel(TransferId id) {
  auto* session = find(id);
  if (session != nullptr) fail_session(*session, {Errc::cancelled, "KV transfer was cancelled by its sender"});
}

void Sender::fail_session(Session& session, Error error) {
  if (session.state == State::ending) return;
  session.state = State::ending;
  session.error = std::move(error);
}

void Sender::opened(Session& session, ConnectionId from, TimePoint now) {
  if (session.state != State::opening) return;
  auto path = attach(session, from);
  if (!path) return fail_session(session, path.error());
  session.path = *path;
  session.state = State::streaming;
  session.last_progress = now;
  last_path_ = *path;
}

void Sender::on_message(ConnectionId from, const Message& in, TimePoint now) {
  const auto owner = connections_.find(from.value);
  if (owner == connections_.end()) return;
  auto& peer = peers_.at(owner->second);
  peer.liveness.heard(now, options_.stall_timeout);
  peer.established = true;
  peer.backoff = {};
  auto* session = find(in.id);
  if (session != nullptr && (session->ticket.epoch != in.epoch || session->connection != from)) session = nullptr;
  if (in.kind == MessageKind::abort) {
    if (session != nullptr)
      return fail_session(*session, {Errc::transfer_failed, "the receiver aborted the KV transfer"});
    Message ended;
    ended.kind = MessageKind::ended;
    ended.id = in.id;
    ended.epoch = in.epoch;
    return transport_.send(from, encode_message(ended));
  }
  if (session == nullptr) return;
  if (in.kind == MessageKind::opened) opened(*session, from, now);
  if (in.kind == MessageKind::committed && session->state == State::committing) session->acknowledged = true;
  if (in.kind == MessageKind::refused) {
    fail_session(*session, {Errc::transfer_failed, text("the receiver refused the KV transfer: ", in.error.message)});
  }
}

void Sender::on_sent(ConnectionId, std::uint64_t tag, TransportSink::Outcome outcome, TimePoint now) {
  const auto at = operations_.find(tag);
  if (at == operations_.end()) return;
  const auto operation = at->second;
  operations_.erase(at);
  auto* session = find(operation.id);
  BATON_CHECK(session != nullptr && session->in_flight > 0);
  --session->in_flight;
  auto& peer = peer_of(*session);
  peer.bytes_in_flight -= operation.bytes;
  --peer.operations;
  session->last_progress = now;
  if (outcome == TransportSink::Outcome::ok) {
    bytes_sent_ += operation.bytes;
  } else {
    fail_session(*session, {Errc::worker_lost, text("KV data could not be sent to ", peer.address)});
  }
}

void Sender::on_flushed(ConnectionId, std::uint64_t tag, TransportSink::Outcome outcome, TimePoint now) {
  const auto at = operations_.find(tag);
  if (at == operations_.end()) return;
  auto* session = find(at->second.id);
  operations_.erase(at);
  BATON_CHECK(session != nullptr && session->in_flight > 0);
  --session->in_flight;
  --peer_of(*session).operations;
  session->flush = Flush::done;
  session->last_progress = now;
  if (outcome != TransportSink::Outcome::ok) {
    fail_session(*session, {Errc::worker_lost, text("KV data could not be flushed to ", session->ticket.address)});
  }
}

void Sender::on_closed(ConnectionId which, const Error& why, TimePoint now) {
  const auto owner = connections_.find(which.value);
  if (owner == connections_.end()) return;
  auto& peer = peers_.at(owner->second);
  connections_.erase(owner);
  const bool was_established = peer.established;
  if (peer.connection == which) {
    peer.connection.reset();
    peer.established = false;
    if (!was_established) {
      peer.backoff = std::clamp<Duration>(peer.backoff * 2, kFirstBackoff, kMaxBackoff);
      peer.next_connect = now + peer.backoff;
    }
  }
  for (auto& [id, session] : sessions_) {
    if (session.connection != which) continue;
    session.connection.reset();
    session.tell_receiver = false;
    // The peer may have dropped an idle connection just before we used it.
    if (session.state == State::opening && was_established && session.retries++ == 0) {
      session.tell_receiver = true;
      reconnect(session, now);
    } else {
      fail_session(session, {Errc::worker_lost, text("KV transfer to ", peer.address, ": ", why.message)});
    }
  }
}

bool Sender::post_one(Session& session) {
  auto& peer = peer_of(session);
  if (session.state != State::streaming || session.queue.empty()) return false;
  if (peer.bytes_in_flight >= kWindowBytes || peer.operations >= kWindowOperations) return false;
  auto chunk = session.queue.take(session.path);
  const auto tag = next_tag_++;
  operations_.emplace(tag, Operation{session.ticket.id, chunk.bytes});
  ++session.in_flight;
  ++peer.operations;
  peer.bytes_in_flight += chunk.bytes;
  session.posted += chunk.bytes;
  session.flush = Flush::none;
  if (session.path == DataPath::message) {
    transport_.send_data(*session.connection,
                         {tag, encode_data_header(chunk.header), std::move(chunk.pieces), chunk.delivery});
  } else {
    transport_.put(*session.connection, tag, chunk.pieces.front(), chunk.remote_offset);
  }
  return true;
}

/// One chunk of every transfer in turn, so that a long one does not hold up the others.
void Sender::post(TimePoint now) {
  for (bool posted = true; posted;) {
    posted = false;
    for (auto& [id, session] : sessions_) {
      if (session.in_flight == 0) session.last_progress = std::max(session.last_progress, now);
      posted = post_one(session) || posted;
    }
  }
}

void Sender::commit_if_ready(Session& session, TimePoint now) {
  if (session.state != State::streaming || !session.payload || !session.queue.empty()) return;
  // A message's arrival is counted by the receiver; a put is known to have arrived only after a flush.
  if (session.path != DataPath::message && session.in_flight > 0) return;
  if (session.path == DataPath::put && session.flush != Flush::done && session.posted > 0) {
    session.flush = Flush::running;
    ++session.in_flight;
    ++peer_of(session).operations;
    const auto tag = next_tag_++;
    operations_.emplace(tag, Operation{session.ticket.id, 0});
    return transport_.flush(*session.connection, tag);
  }
  auto commit = message(session, MessageKind::commit);
  commit.path = session.path;
  commit.payload = *session.payload;
  commit.bytes = session.queue.total_bytes();
  if (options_.checksum) commit.checksums = session.queue.checksums();
  session.commit = encode_message(commit);
  session.state = State::committing;
  session.last_progress = now;
  session.resend.start(now);
  transport_.send(*session.connection, session.commit);
}

Sender::Sessions::iterator Sender::report(Sessions::iterator at, TimePoint now) {
  auto& session = at->second;
  if (session.state == State::ending) {
    if (session.tell_receiver && session.connection) {
      auto ended = message(session, MessageKind::ended);
      ended.error = session.error;
      transport_.send(*session.connection, encode_message(ended));
    }
    events_.emplace_back(SendFailed{at->first, std::move(session.error)});
  } else {
    const auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(now - session.started);
    events_.emplace_back(Delivered{at->first, session.queue.total_bytes(), elapsed});
  }
  return sessions_.erase(at);
}

/// Ends what can end: nothing of it is in flight.
void Sender::settle(TimePoint now) {
  for (auto at = sessions_.begin(); at != sessions_.end();) {
    auto& session = at->second;
    const bool over = session.state == State::ending || session.acknowledged;
    if (!over || session.in_flight > 0) {
      ++at;
      continue;
    }
    const bool unflushed = session.path == DataPath::put && session.posted > 0 && session.flush == Flush::none;
    if (session.state == State::ending && unflushed && session.connection) {
      session.flush = Flush::running;
      ++session.in_flight;
      ++peer_of(session).operations;
      const auto tag = next_tag_++;
      operations_.emplace(tag, Operation{at->first, 0});
      transport_.flush(*session.connection, tag);
      ++at;
      continue;
    }
    at = report(at, now);
  }
}

void Sender::check_peer(Peer& peer, TimePoint now) {
  if (!peer.connection) return;
  const auto connection = *peer.connection;
  const bool used =
      std::ranges::any_of(sessions_, [&](const auto& entry) { return entry.second.connection == connection; });
  if (!used) return;
  if (peer.liveness.silent(now, options_.stall_timeout)) {
    for (auto& [id, session] : sessions_) {
      if (session.connection != connection) continue;
      fail_session(session, {Errc::timeout, text("KV receiver ", peer.address, " does not answer")});
    }
    transport_.close(connection);
    return;
  }
  if (peer.liveness.take_ping(now)) transport_.send(connection, encode_message({}));
}

void Sender::run_timers(TimePoint now) {
  for (auto& [address, peer] : peers_) check_peer(peer, now);
  for (auto& [id, session] : sessions_) {
    if (session.state == State::opening && !session.connection) reconnect(session, now);
    if (session.state == State::committing && session.connection && session.resend.take(now)) {
      transport_.send(*session.connection, session.commit);
    }
    const bool waiting = session.in_flight > 0 || session.state == State::opening || session.state == State::committing;
    if (!waiting || now - session.last_progress < options_.stall_timeout) continue;
    fail_session(session, {Errc::timeout, text("KV transfer to ", session.ticket.address, " made no progress")});
    if (session.in_flight > 0 && session.connection) transport_.close(*session.connection);
  }
}

void Sender::advance(TimePoint now) {
  post(now);
  for (auto& [id, session] : sessions_) commit_if_ready(session, now);
  run_timers(now);
  settle(now);
}

}  // namespace baton::transfer
