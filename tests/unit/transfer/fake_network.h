#pragma once

#include <cstring>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "baton/transport.h"
#include "core/check.h"

namespace baton::transfer {

class FakeTransport;

/// Workers and the wires between them, in memory. What is in flight moves one random item at a time, so that one seed
/// is one interleaving. Workers can die or hang at any moment.
class FakeNetwork {
 public:
  explicit FakeNetwork(std::uint64_t seed) : x_random(seed) {}

  std::mt19937_64& random() { return x_random; }
  std::size_t pick(std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(x_random); }

  void add(FakeTransport* node) { x_nodes.push_back(node); }
  FakeTransport* find(std::string_view address) const;
  const std::vector<FakeTransport*>& nodes() const { return x_nodes; }

  /// Every write into a worker's memory goes through here.
  std::function<void(FakeTransport& target, const std::byte* at, std::size_t size)> on_write = [](auto&&...) {};

 private:
  std::mt19937_64 x_random;
  std::vector<FakeTransport*> x_nodes;
};

class FakeTransport final : public Transport {
 public:
  FakeTransport(FakeNetwork& network, std::string name, std::span<std::byte> memory, DataPath best)
      : x_network(network), x_name(std::move(name)), x_memory(memory), x_best(best) {
    network.add(this);
  }

  // Faults.
  bool hung = false;
  bool dead = false;
  /// The process is gone: everything it had in flight stops where it is, its peers see their connections break.
  void kill() {
    dead = true;
    for (auto& [id, link] : x_links) {
      if (link.peer_node != nullptr) link.peer_node->break_link(link.peer_id, "peer died");
    }
    x_links.clear();
    x_inbox.clear();
  }

  std::string address() const override { return x_name; }
  RemoteMemory memory() const override {
    return {reinterpret_cast<std::uint64_t>(x_memory.data()), x_memory.size(), "key"};
  }

  ConnectionId connect(std::string_view address) override {
    const ConnectionId mine = new_link();
    auto* const other = x_network.find(address);
    if (other == nullptr || other->dead) {
      break_link(mine, "connection refused");
      return mine;
    }
    const ConnectionId theirs = other->new_link();
    x_links[mine.value].peer_node = other;
    x_links[mine.value].peer_id = theirs;
    other->x_links[theirs.value].peer_node = this;
    other->x_links[theirs.value].peer_id = mine;
    return mine;
  }
  void close(ConnectionId which) override {
    const auto at = x_links.find(which.value);
    if (at == x_links.end()) return;
    auto* const node = at->second.peer_node;
    const auto peer = at->second.peer_id;
    break_link(which, "closed here");
    if (node != nullptr) node->break_link(peer, "peer closed");
  }
  DataPath attach(ConnectionId, const RemoteMemory&) override { return x_best; }

  void send(ConnectionId to, std::string message) override {
    auto* const link = open_link(to);
    if (link != nullptr) link->peer_node->x_inbox.push_back({link->peer_id, std::move(message)});
  }
  void send_data(ConnectionId to, DataMessage message) override {
    auto* const link = open_link(to);
    if (link == nullptr) return report_sent(to, message.tag, Outcome::failed);
    link->bulk.push_back({std::move(message), {}, 0, Stage::travelling});
  }
  void put(ConnectionId to, std::uint64_t tag, std::span<const std::byte> from, std::uint64_t offset) override {
    auto* const link = open_link(to);
    if (link == nullptr) return report_sent(to, tag, Outcome::failed);
    auto* const target = link->peer_node->x_memory.data() + offset;
    BATON_CHECK(offset + from.size() <= link->peer_node->x_memory.size());
    if (x_best == DataPath::mapped) {
      link->peer_node->write(target, from);
    } else {
      link->puts.push_back({target, from});
    }
    report_sent(to, tag, Outcome::ok);  // local completion says nothing about arrival
  }
  void flush(ConnectionId to, std::uint64_t tag) override {
    auto* const link = open_link(to);
    if (link == nullptr) {
      x_reports.push_back([=](TransportSink& sink) { sink.on_flushed(to, tag, Outcome::failed); });
    } else {
      link->flushes.push_back(tag);
    }
  }

  Progress progress(TransportSink& sink) override {
    if (hung || dead) return Progress::idle;
    bool busy = move_something(sink);
    if (!x_reports.empty()) {
      auto report = std::move(x_reports.front());
      x_reports.pop_front();
      report(sink);
      busy = true;
    }
    return busy ? Progress::busy : Progress::idle;
  }
  void wait(std::chrono::milliseconds) override {}
  void wake() override {}

 private:
  using Outcome = TransportSink::Outcome;
  enum class Stage : std::uint8_t { travelling, landing };
  struct Bulk {
    DataMessage message;
    std::vector<std::span<std::byte>> places;
    std::size_t length = 0;
    Stage stage;
  };
  struct Put {
    std::byte* to;
    std::span<const std::byte> from;
  };
  struct Link {
    FakeTransport* peer_node = nullptr;
    ConnectionId peer_id;
    std::list<Bulk> bulk;  ///< sent from here
    std::deque<Put> puts;
    std::deque<std::uint64_t> flushes;
  };
  struct Arrival {
    ConnectionId at;
    std::string message;
  };

  ConnectionId new_link() {
    const ConnectionId id{x_next_link++};
    x_links.emplace(id.value, Link{});
    return id;
  }
  Link* open_link(ConnectionId id) {
    const auto at = x_links.find(id.value);
    return at != x_links.end() && at->second.peer_node != nullptr ? &at->second : nullptr;
  }
  void report_sent(ConnectionId to, std::uint64_t tag, Outcome outcome) {
    x_reports.push_back([=](TransportSink& sink) { sink.on_sent(to, tag, outcome); });
  }
  void write(std::byte* to, std::span<const std::byte> from) {
    x_network.on_write(*this, to, from.size());
    std::memcpy(to, from.data(), from.size());
  }

  /// This end is over: what it was sending fails, what was landing here fails, then it closes.
  void break_link(ConnectionId id, const char* why) {
    const auto at = x_links.find(id.value);
    if (at == x_links.end()) return;
    for (auto& bulk : at->second.bulk) {
      if (bulk.stage == Stage::landing && at->second.peer_node != nullptr && !at->second.peer_node->dead) {
        at->second.peer_node->fail_landing(at->second.peer_id, bulk);
      }
      report_sent(id, bulk.message.tag, Outcome::failed);
    }
    for (const auto tag : at->second.flushes) {
      x_reports.push_back([=](TransportSink& sink) { sink.on_flushed(id, tag, Outcome::failed); });
    }
    auto* const node = at->second.peer_node;
    const auto peer = at->second.peer_id;
    std::erase_if(x_inbox, [id](const Arrival& arrival) { return arrival.at == id; });
    x_links.erase(at);
    // What the peer was writing here stops now.
    if (node != nullptr) node->stop_writing(peer, *this, id);
    x_reports.push_back([=](TransportSink& sink) { sink.on_closed(id, {Errc::worker_lost, why}); });
  }
  void fail_landing(ConnectionId at, const Bulk& bulk) {
    x_reports.push_back([at, header = bulk.message.header, length = bulk.length](TransportSink& sink) {
      sink.on_placed(at, header, length, Outcome::failed);
    });
  }
  void stop_writing(ConnectionId mine, FakeTransport& target, ConnectionId theirs) {
    const auto at = x_links.find(mine.value);
    if (at == x_links.end()) return;
    for (auto& bulk : at->second.bulk) {
      if (bulk.stage == Stage::landing) target.fail_landing(theirs, bulk);
      report_sent(mine, bulk.message.tag, Outcome::failed);
    }
    at->second.bulk.clear();
    at->second.puts.clear();
    at->second.peer_node = nullptr;
  }

  bool move_something(TransportSink& sink) {
    if (!x_inbox.empty() && x_network.pick(2) == 0) {
      auto arrival = std::move(x_inbox.front());
      x_inbox.pop_front();
      sink.on_message(arrival.at, arrival.message);
      return true;
    }
    if (x_links.empty()) return !x_inbox.empty();
    auto at = std::next(x_links.begin(), static_cast<std::ptrdiff_t>(x_network.pick(x_links.size())));
    bool busy = !x_inbox.empty();
    busy = receive_bulk(ConnectionId{at->first}, at->second, sink) || busy;
    const auto again = x_links.find(at->first);
    if (again != x_links.end()) busy = move_puts(ConnectionId{again->first}, again->second) || busy;
    return busy;
  }
  /// Bulk data moves by the work of the receiver.
  bool receive_bulk(ConnectionId mine, Link& link, TransportSink& sink) {
    if (link.peer_node == nullptr || link.peer_node->hung) return false;
    auto* const source = link.peer_node->open_link(link.peer_id);
    if (source == nullptr || source->bulk.empty()) return false;
    auto item = std::next(source->bulk.begin(), static_cast<std::ptrdiff_t>(x_network.pick(source->bulk.size())));
    if (item->stage == Stage::travelling) {
      for (const auto piece : item->message.pieces) item->length += piece.size();
      item->places = sink.on_data(mine, item->message.header, item->length);
      item->stage = Stage::landing;
      if (!item->places.empty()) return true;
    } else {
      land(*item);
      sink.on_placed(mine, item->message.header, item->length, Outcome::ok);
    }
    link.peer_node->report_sent(link.peer_id, item->message.tag, Outcome::ok);
    source->bulk.erase(item);
    return true;
  }
  void land(const Bulk& bulk) {
    std::vector<std::byte> bytes;
    for (const auto piece : bulk.message.pieces) bytes.insert(bytes.end(), piece.begin(), piece.end());
    std::span<const std::byte> rest(bytes);
    for (const auto place : bulk.places) {
      write(place.data(), rest.first(place.size()));
      rest = rest.subspan(place.size());
    }
  }
  /// Network puts move by themselves.
  bool move_puts(ConnectionId mine, Link& link) {
    if (link.peer_node == nullptr) return false;
    if (!link.puts.empty()) {
      link.peer_node->write(link.puts.front().to, link.puts.front().from);
      link.puts.pop_front();
      return true;
    }
    if (link.flushes.empty()) return false;
    const auto tag = link.flushes.front();
    link.flushes.pop_front();
    x_reports.push_back([=](TransportSink& sink) { sink.on_flushed(mine, tag, Outcome::ok); });
    return true;
  }

  FakeNetwork& x_network;
  std::string x_name;
  std::span<std::byte> x_memory;
  DataPath x_best;
  std::uint64_t x_next_link = 1;
  std::map<std::uint64_t, Link> x_links;
  std::deque<Arrival> x_inbox;
  std::deque<std::function<void(TransportSink&)>> x_reports;
};

inline FakeTransport* FakeNetwork::find(std::string_view address) const {
  for (auto* const node : x_nodes) {
    if (node->address() == address) return node;
  }
  return nullptr;
}

}  // namespace baton::transfer
