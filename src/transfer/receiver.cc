#include "transfer/receiver.h"

#include <algorithm>

#include "core/check.h"
#include "transfer/push_queue.h"
#include "transfer/text.h"

namespace baton::transfer {
namespace {

constexpr std::size_t kRememberedTransfers = 4096;

}  // namespace

Receiver::Receiver(ReceiverOptions options, Transport& transport, KvPoolView pool, std::vector<Event>& events)
    : options_(options), transport_(transport), pool_(pool), events_(events) {}

void Receiver::grant(Service::GrantRequest request, TimePoint now) {
  const auto id = request.id;
  BATON_CHECK(!grants_.contains(id));
  Grant grant;
  grant.deadline = now + request.timeout;
  grant.landed.assign(static_cast<std::size_t>(pool_.layout.layers), 0);
  grant.request = std::move(request);
  grants_.emplace(id, std::move(grant));
}

void Receiver::abort(TransferId id, TimePoint now) {
  const auto at = grants_.find(id);
  if (at != grants_.end() && at->second.state != State::draining) drain(at->second, now);
}

std::uint32_t Receiver::draining() const {
  return static_cast<std::uint32_t>(
      std::ranges::count_if(grants_, [](const auto& entry) { return entry.second.state == State::draining; }));
}

std::uint32_t Receiver::open() const {
  return static_cast<std::uint32_t>(grants_.size()) - draining();
}

Receiver::Grant* Receiver::find(TransferId id, ConnectionId from) {
  const auto at = grants_.find(id);
  return at != grants_.end() && at->second.connection == from ? &at->second : nullptr;
}

void Receiver::reply(ConnectionId to, TransferId id, MessageKind kind, Error error) {
  Message out;
  out.kind = kind;
  out.id = id;
  out.epoch = options_.epoch;
  out.error = std::move(error);
  transport_.send(to, encode_message(out));
}

void Receiver::on_message(ConnectionId from, const Message& in, TimePoint now) {
  const bool opens = in.kind == MessageKind::open;
  const auto link = links_.find(from.value);
  if (link != links_.end()) link->second.heard(now, options_.stall_timeout);
  if (link == links_.end()) links_[from.value].heard(now, options_.stall_timeout);
  if (in.kind == MessageKind::ping || in.kind == MessageKind::pong) return;
  if (in.epoch != options_.epoch) {
    // `ended` of a stranger says nothing about our blocks.
    if (in.kind == MessageKind::ended) return;
    Message out;
    out.kind = MessageKind::refused;
    out.id = in.id;
    out.epoch = in.epoch;
    out.error = {Errc::transfer_failed, "the ticket is of an earlier incarnation of this worker"};
    return transport_.send(from, encode_message(out));
  }
  if (opens) open_grant(from, in, now);
  if (in.kind == MessageKind::commit) commit_grant(from, in, now);
  if (in.kind == MessageKind::ended) ended(from, in, now);
}

void Receiver::open_grant(ConnectionId from, const Message& in, TimePoint now) {
  const auto at = grants_.find(in.id);
  const bool known = at != grants_.end() && at->second.state != State::draining;
  const bool taken = known && at->second.state == State::open && at->second.connection != from;
  if (!known || taken) {
    return reply(
        from, in.id, MessageKind::refused,
        {Errc::transfer_failed, taken ? "another sender holds this grant" : "no such grant, or it was aborted"});
  }
  auto& grant = at->second;
  grant.state = State::open;
  grant.connection = from;
  grant.path = in.path;
  grant.last_progress = now;
  reply(from, in.id, MessageKind::opened);
}

std::vector<std::span<std::byte>> Receiver::on_data(ConnectionId from, const DataHeader& header, std::size_t length) {
  const auto dropped = [this] {
    ++stale_drops_;
    return std::vector<std::span<std::byte>>{};
  };
  auto* grant = find(header.id, from);
  if (grant == nullptr || grant->state != State::open || header.epoch != options_.epoch) return dropped();
  const auto& blocks = grant->request.blocks;
  const auto slab = pool_.layout.slab_bytes();
  if (header.layer < 0 || header.layer >= pool_.layout.layers || header.first_index < 0 ||
      static_cast<std::size_t>(header.first_index) >= blocks.size() || header.offset >= slab || length == 0 ||
      length > (blocks.size() - static_cast<std::size_t>(header.first_index)) * slab - header.offset) {
    return dropped();
  }
  std::vector<std::span<std::byte>> places;
  auto index = static_cast<std::size_t>(header.first_index);
  for (auto offset = static_cast<std::size_t>(header.offset), rest = length; rest > 0; ++index, offset = 0) {
    const auto part = std::min(rest, slab - offset);
    auto* const at = pool_.slab(header.layer, blocks[index]) + offset;
    if (!places.empty() && places.back().data() + places.back().size() == at) {
      places.back() = {places.back().data(), places.back().size() + part};
    } else {
      places.emplace_back(at, part);
    }
    rest -= part;
  }
  ++grant->landing;
  return places;
}

void Receiver::on_placed(const DataHeader& header, std::size_t length, TransportSink::Outcome outcome, TimePoint now) {
  const auto at = grants_.find(header.id);
  BATON_CHECK(at != grants_.end() && at->second.landing > 0);  // a grant outlives what lands in it
  auto& grant = at->second;
  --grant.landing;
  grant.last_progress = now;
  if (outcome != TransportSink::Outcome::ok) return;
  grant.landed[static_cast<std::size_t>(header.layer)] += length;
  bytes_received_ += length;
  complete_if_whole(grant, now);
}

void Receiver::commit_grant(ConnectionId from, const Message& in, TimePoint now) {
  if (finished_.contains(in.id)) return reply(from, in.id, MessageKind::committed);
  auto* grant = find(in.id, from);
  if (grant == nullptr) {
    return reply(from, in.id, MessageKind::refused, {Errc::transfer_failed, "no such grant, or it was aborted"});
  }
  if (grant->state != State::open || grant->commit) return;
  grant->commit = in;
  grant->last_progress = now;
  complete_if_whole(*grant, now);
}

bool Receiver::whole(const Grant& grant) const {
  const auto layer_bytes = grant.request.blocks.size() * pool_.layout.slab_bytes();
  if (grant.commit->path != DataPath::message) return true;
  return std::ranges::all_of(grant.landed, [&](std::uint64_t bytes) { return bytes == layer_bytes; });
}

bool Receiver::checksums_match(const Grant& grant) const {
  const auto& sums = grant.commit->checksums;
  if (!options_.checksum || sums.empty()) return true;
  if (sums.size() != grant.landed.size()) return false;
  for (std::int32_t layer = 0; layer < pool_.layout.layers; ++layer) {
    if (layer_checksum(pool_, layer, grant.request.blocks) != sums[static_cast<std::size_t>(layer)]) return false;
  }
  return true;
}

void Receiver::complete_if_whole(Grant& grant, TimePoint now) {
  if (grant.state != State::open || !grant.commit || grant.landing > 0) return;
  const auto id = grant.request.id;
  const auto expected =
      grant.request.blocks.size() * pool_.layout.slab_bytes() * static_cast<std::uint64_t>(pool_.layout.layers);
  const auto wrong = grant.commit->bytes != expected                               ? "byte count differs"
                     : grant.commit->payload.prompt_tokens != grant.request.tokens ? "token count differs"
                                                                                   : nullptr;
  if (wrong != nullptr) return fail_grant(grant, {Errc::transfer_failed, text("COMMIT of KV transfer: ", wrong)}, now);
  if (!whole(grant)) return;
  if (!checksums_match(grant)) {
    return fail_grant(grant, {Errc::transfer_failed, "KV checksum mismatch: the data was damaged on the way"}, now);
  }
  if (grant.commit->path != DataPath::message) bytes_received_ += expected;
  remember(id);
  reply(*grant.connection, id, MessageKind::committed);
  events_.emplace_back(Received{id, std::move(grant.commit->payload), expected});
  grants_.erase(id);
}

void Receiver::remember(TransferId id) {
  finished_.insert(id);
  finished_order_.push_back(id);
  if (finished_order_.size() <= kRememberedTransfers) return;
  finished_.erase(finished_order_.front());
  finished_order_.pop_front();
}

void Receiver::ended(ConnectionId from, const Message& in, TimePoint now) {
  auto* grant = find(in.id, from);
  if (grant == nullptr) return;
  grant->writer_ended = true;
  if (grant->state == State::open) {
    const auto code =
        in.error.code == Errc::ok || in.error.code == Errc::cancelled ? Errc::transfer_failed : in.error.code;
    fail_grant(*grant, {code, text("the sender gave up the KV transfer: ", in.error.message)}, now);
  }
}

void Receiver::fail_grant(Grant& grant, Error error, TimePoint now) {
  events_.emplace_back(ReceiveFailed{grant.request.id, std::move(error)});
  drain(grant, now);
}

void Receiver::drain(Grant& grant, TimePoint now) {
  grant.state = State::draining;
  grant.last_progress = now;
  grant.resend.start(now);
  if (grant.connection && !grant.writer_ended) reply(*grant.connection, grant.request.id, MessageKind::abort);
}

bool Receiver::drained(const Grant& grant) const {
  if (grant.state != State::draining || grant.landing > 0) return false;
  return !grant.connection || grant.writer_ended || grant.path == DataPath::message;
}

void Receiver::settle() {
  for (auto at = grants_.begin(); at != grants_.end();) {
    if (!drained(at->second)) {
      ++at;
      continue;
    }
    events_.emplace_back(Drained{at->first});
    at = grants_.erase(at);
  }
}

void Receiver::on_closed(ConnectionId which, const Error& why, TimePoint now) {
  links_.erase(which.value);
  for (auto& [id, grant] : grants_) {
    if (grant.connection != which) continue;
    grant.connection.reset();
    if (grant.state == State::open) {
      fail_grant(grant, {Errc::worker_lost, text("the KV sender is gone: ", why.message)}, now);
    }
  }
}

/// Closing the connection keeps its sender from writing: not when the sender has mapped our memory.
bool Receiver::revocable(ConnectionId connection) const {
  return std::ranges::none_of(grants_, [&](const auto& entry) {
    return entry.second.connection == connection && entry.second.path == DataPath::mapped;
  });
}

void Receiver::check_link(ConnectionId connection, Liveness& link, TimePoint now) {
  bool used = false;
  const bool silent = link.silent(now, options_.stall_timeout);
  for (auto& [id, grant] : grants_) {
    if (grant.connection != connection) continue;
    used = true;
    if (silent && grant.state == State::open) fail_grant(grant, {Errc::timeout, "the KV sender does not answer"}, now);
  }
  if (!used) return link.heard(now, options_.stall_timeout);  // nobody asks an idle peer
  if (silent && revocable(connection)) return transport_.close(connection);
  if (link.take_ping(now)) transport_.send(connection, encode_message({}));
}

void Receiver::check_grant(Grant& grant, TimePoint now) {
  const bool stalled = now - grant.last_progress >= options_.stall_timeout;
  if (grant.state == State::waiting && now >= grant.deadline) {
    return fail_grant(grant, {Errc::timeout, "no KV sender appeared in time"}, now);
  }
  if (grant.state == State::open && stalled && (grant.commit || grant.landing > 0)) {
    fail_grant(grant, {Errc::timeout, "KV data of the sender is missing"}, now);
  }
  if (grant.state != State::draining || !grant.connection) return;
  if (stalled && grant.landing > 0 && revocable(*grant.connection)) return transport_.close(*grant.connection);
  if (!grant.writer_ended && grant.resend.take(now)) reply(*grant.connection, grant.request.id, MessageKind::abort);
}

void Receiver::advance(TimePoint now) {
  for (auto& [connection, link] : links_) check_link({connection}, link, now);
  for (auto& [id, grant] : grants_) check_grant(grant, now);
  settle();
}

}  // namespace baton::transfer
