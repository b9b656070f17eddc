#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "transfer/receiver.h"
#include "transfer/sender.h"

namespace baton::transfer {

/// Both halves of the hand-over protocol over one transport: tells them apart by connection (a sender opens its
/// connections, a receiver accepts them). Sans-IO; owned by the transfer thread.
class Handover final : public TransportSink {
 public:
  Handover(SenderOptions sending, ReceiverOptions receiving, Transport& transport, KvPoolView pool);

  Sender& sender() { return sender_; }
  Receiver& receiver() { return receiver_; }

  /// The time that transport reports are taken to happen at. Before progress().
  void set_time(TimePoint now) { now_ = now; }
  /// Posts work and runs timers.
  void advance(TimePoint now);
  std::vector<Event> take_events();
  /// Called before an OPEN is judged: brings in grants that were made before it was sent but not handled yet.
  void set_catch_up(std::function<void()> catch_up) { catch_up_ = std::move(catch_up); }
  /// Nothing is open: no timer is needed.
  bool idle() const { return sender_.idle() && receiver_.idle(); }
  Service::Stats stats() const;

  void on_message(ConnectionId from, std::string_view message) override;
  std::vector<std::span<std::byte>> on_data(ConnectionId from, std::string_view header, std::size_t length) override;
  void on_placed(ConnectionId from, std::string_view header, std::size_t length, Outcome outcome) override;
  void on_sent(ConnectionId to, std::uint64_t tag, Outcome outcome) override;
  void on_flushed(ConnectionId to, std::uint64_t tag, Outcome outcome) override;
  void on_closed(ConnectionId which, const Error& why) override;

 private:
  Transport& transport_;
  std::function<void()> catch_up_;
  std::vector<Event> events_;
  Sender sender_;
  Receiver receiver_;
  TimePoint now_;
  Service::Stats ended_;  ///< counters of ended transfers
};

}  // namespace baton::transfer
