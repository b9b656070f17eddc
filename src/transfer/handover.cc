#include "transfer/handover.h"

#include "core/log.h"

namespace baton::transfer {

Handover::Handover(SenderOptions sending, ReceiverOptions receiving, Transport& transport, KvPoolView pool)
    : x_transport(transport),
      x_sender(std::move(sending), transport, pool, x_events),
      x_receiver(receiving, transport, pool, x_events) {}

void Handover::advance(TimePoint now) {
  x_now = now;
  x_sender.advance(now);
  x_receiver.advance(now);
}

std::vector<Event> Handover::take_events() {
  for (const auto& event : x_events) {
    if (std::holds_alternative<Delivered>(event)) ++x_ended.transfers_sent;
    if (std::holds_alternative<Received>(event)) ++x_ended.transfers_received;
    if (std::holds_alternative<SendFailed>(event) || std::holds_alternative<ReceiveFailed>(event)) ++x_ended.failed;
  }
  return std::exchange(x_events, {});
}

Service::Stats Handover::stats() const {
  auto stats = x_ended;
  stats.bytes_sent = x_sender.bytes_sent();
  stats.bytes_received = x_receiver.bytes_received();
  stats.open_sends = x_sender.open();
  stats.open_grants = x_receiver.open();
  stats.draining = x_receiver.draining();
  return stats;
}

void Handover::on_message(ConnectionId from, std::string_view bytes) {
  const auto message = parse_message(bytes);
  if (!message) {
    log_warn("transfer", "bad message of a peer; connection closed", {{"error", message.error().message}});
    return x_transport.close(from);
  }
  if (message->kind == MessageKind::ping) {
    Message pong;
    pong.kind = MessageKind::pong;
    x_transport.send(from, encode_message(pong));
  }
  if (x_sender.owns(from)) {
    x_sender.on_message(from, *message, x_now);
  } else {
    x_receiver.on_message(from, *message, x_now);
  }
}

std::vector<std::span<std::byte>> Handover::on_data(ConnectionId from, std::string_view bytes, std::size_t length) {
  const auto header = parse_data_header(bytes);
  if (!header) return {};
  return x_receiver.on_data(from, *header, length);
}

void Handover::on_placed(ConnectionId, std::string_view bytes, std::size_t length, Outcome outcome) {
  const auto header = parse_data_header(bytes);
  if (header) x_receiver.on_placed(*header, length, outcome, x_now);
}

void Handover::on_sent(ConnectionId to, std::uint64_t tag, Outcome outcome) {
  x_sender.on_sent(to, tag, outcome, x_now);
}

void Handover::on_flushed(ConnectionId to, std::uint64_t tag, Outcome outcome) {
  x_sender.on_flushed(to, tag, outcome, x_now);
}

void Handover::on_closed(ConnectionId which, const Error& why) {
  log_debug("transfer", "connection over", {{"connection", which.value}, {"reason", why.message}});
  if (x_sender.owns(which)) {
    x_sender.on_closed(which, why, x_now);
  } else {
    x_receiver.on_closed(which, why, x_now);
  }
}

}  // namespace baton::transfer
