#include "transfer/handover.h"

#include "core/log.h"

namespace baton::transfer {

Handover::Handover(SenderOptions sending, ReceiverOptions receiving, Transport& transport, KvPoolView pool)
    : transport_(transport),
      sender_(std::move(sending), transport, pool, events_),
      receiver_(receiving, transport, pool, events_) {}

void Handover::advance(TimePoint now) {
  now_ = now;
  sender_.advance(now);
  receiver_.advance(now);
}

std::vector<Event> Handover::take_events() {
  for (const auto& event : events_) {
    if (std::holds_alternative<Delivered>(event)) ++ended_.transfers_sent;
    if (std::holds_alternative<Received>(event)) ++ended_.transfers_received;
    if (std::holds_alternative<SendFailed>(event) || std::holds_alternative<ReceiveFailed>(event)) ++ended_.failed;
  }
  return std::exchange(events_, {});
}

Service::Stats Handover::stats() const {
  auto stats = ended_;
  stats.bytes_sent = sender_.bytes_sent();
  stats.bytes_received = receiver_.bytes_received();
  stats.open_sends = sender_.open();
  stats.open_grants = receiver_.open();
  stats.draining = receiver_.draining();
  return stats;
}

void Handover::on_message(ConnectionId from, std::string_view bytes) {
  const auto message = parse_message(bytes);
  if (!message) {
    log_warn("transfer", "bad message of a peer; connection closed", {{"error", message.error().message}});
    return transport_.close(from);
  }
  if (message->kind == MessageKind::open && catch_up_) catch_up_();
  if (message->kind == MessageKind::ping) {
    Message pong;
    pong.kind = MessageKind::pong;
    transport_.send(from, encode_message(pong));
  }
  if (sender_.owns(from)) {
    sender_.on_message(from, *message, now_);
  } else {
    receiver_.on_message(from, *message, now_);
  }
}

std::vector<std::span<std::byte>> Handover::on_data(ConnectionId from, std::string_view bytes, std::size_t length) {
  const auto header = parse_data_header(bytes);
  if (!header) return {};
  return receiver_.on_data(from, *header, length);
}

void Handover::on_placed(ConnectionId, std::string_view bytes, std::size_t length, Outcome outcome) {
  const auto header = parse_data_header(bytes);
  if (header) receiver_.on_placed(*header, length, outcome, now_);
}

void Handover::on_sent(ConnectionId to, std::uint64_t tag, Outcome outcome) {
  sender_.on_sent(to, tag, outcome, now_);
}

void Handover::on_flushed(ConnectionId to, std::uint64_t tag, Outcome outcome) {
  sender_.on_flushed(to, tag, outcome, now_);
}

void Handover::on_closed(ConnectionId which, const Error& why) {
  log_debug("transfer", "connection over", {{"connection", which.value}, {"reason", why.message}});
  if (sender_.owns(which)) {
    sender_.on_closed(which, why, now_);
  } else {
    receiver_.on_closed(which, why, now_);
  }
}

}  // namespace baton::transfer
