#include "transfer/handover.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "transfer/ticket.h"
#include "unit/transfer/fake_network.h"
#include "unit/transfer/service_fixture.h"

namespace baton::transfer {
namespace {

constexpr Duration kStall = 400ms;

KvLayout tiny_layout() {
  return {.layers = 3, .blocks = 24, .kv_heads = 1, .block_tokens = 4, .head_dim = 8, .dtype = DType::bf16};
}

/// One worker on the fake network.
struct Node {
  std::vector<std::byte> bytes;
  KvPoolView pool;
  FakeTransport transport;
  Handover handover;
  std::uint64_t epoch;
  std::vector<Event> events;
  std::set<BlockId> owned_by_others;  ///< a write here is a violation

  Node(FakeNetwork& network, const std::string& name, KvProtocol protocol, DataPath best, std::uint64_t incarnation)
      : bytes(tiny_layout().total_bytes(), std::byte{0xfd}),
        pool{bytes.data(), tiny_layout()},
        transport(network, name, bytes, best),
        handover({.protocol = protocol, .checksum = true, .host = "h", .stall_timeout = kStall},
                 {.epoch = incarnation, .checksum = true, .stall_timeout = kStall}, transport, pool),
        epoch(incarnation) {}

  void run(TimePoint now) {
    if (transport.hung || transport.dead) return;
    handover.set_time(now);
    transport.progress(handover);
    handover.advance(now);
    for (auto& event : handover.take_events()) events.push_back(std::move(event));
  }
  template <class Kind>
  int count(TransferId id) const {
    return static_cast<int>(std::ranges::count_if(events, [id](const Event& event) {
      const auto* match = std::get_if<Kind>(&event);
      return match != nullptr && match->id == id;
    }));
  }
  template <class Kind>
  const Kind* find(TransferId id) const {
    for (const auto& event : events) {
      const auto* match = std::get_if<Kind>(&event);
      if (match != nullptr && match->id == id) return match;
    }
    return nullptr;
  }
};

struct PathCase {
  const char* name;
  KvProtocol protocol;
  DataPath path;
};

class HandoverOver : public testing::TestWithParam<PathCase> {
 protected:
  static constexpr std::int32_t kTokens = 30;  // 8 blocks, the last one partial

  void start(std::uint64_t seed) {
    network = std::make_unique<FakeNetwork>(seed);
    prefill = std::make_unique<Node>(*network, "p", GetParam().protocol, GetParam().path, 1);
    decode = std::make_unique<Node>(*network, "d", GetParam().protocol, GetParam().path, 2);
    now = TimePoint{} + 1h;
  }
  Ticket ticket_for(TransferId id, const std::vector<BlockId>& blocks, std::int32_t tokens = kTokens) {
    decode->handover.receiver().grant({.id = id, .blocks = blocks, .tokens = tokens, .timeout = 2s}, now);
    return {.id = id, .epoch = decode->epoch, .layout = tiny_layout(), .tokens = tokens, .blocks = blocks, .host = "h",
            .address = "d", .memory = decode->transport.memory()};
  }
  void run(Duration time, Duration step = 1ms) {
    for (const auto end = now + time; now < end; now += step) {
      prefill->run(now);
      decode->run(now);
    }
  }
  template <class Done>
  bool run_until(Done done, Duration at_most = 10s) {
    for (const auto end = now + at_most; now < end; now += 1ms) {
      if (done()) return true;
      prefill->run(now);
      decode->run(now);
    }
    return done();
  }
  void push_all(TransferId id) {
    prefill->handover.sender().push_layers(id, 0, 3, kTokens);
    prefill->handover.sender().finish(id, payload_of(kTokens));
  }
  bool mapped() const { return GetParam().path == DataPath::mapped; }

  std::unique_ptr<FakeNetwork> network;
  std::unique_ptr<Node> prefill;
  std::unique_ptr<Node> decode;
  TimePoint now;
  std::vector<BlockId> source = {0, 1, 2, 3, 4, 5, 6, 7};
  std::vector<BlockId> target = {20, 3, 4, 5, 17, 9, 8, 7};
};

TEST_P(HandoverOver, delivers_under_every_interleaving) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    start(seed);
    fill(prefill->pool, source, seed);
    prefill->handover.sender().send(ticket_for({7}, target), source, now);
    for (std::int32_t layer = 2; layer >= 0; --layer) {
      prefill->handover.sender().push_layers({7}, layer, layer + 1, 13);
      run(std::chrono::milliseconds(network->pick(20)));
    }
    push_all({7});
    ASSERT_TRUE(run_until([&] { return prefill->count<Delivered>({7}) > 0; }));
    EXPECT_EQ(decode->count<Received>({7}), 1);
    EXPECT_EQ(wrong_slabs(decode->pool, target, seed), 0);
    EXPECT_EQ(touched_slabs(decode->pool, target), 0);
    EXPECT_EQ(prefill->events.size() + decode->events.size(), 2U);
  }
}

TEST_P(HandoverOver, pushes_only_whole_blocks_before_the_end) {
  start(1);
  fill(prefill->pool, source, 1);
  prefill->handover.sender().send(ticket_for({7}, target), source, now);
  prefill->handover.sender().push_layers({7}, 0, 3, 7);
  run(300ms);
  EXPECT_EQ(wrong_slabs(decode->pool, {target.data(), 1}, 1), 0);
  EXPECT_EQ(touched_slabs(decode->pool, std::span(target).first(1)), 0);
}

TEST_P(HandoverOver, finish_pushes_what_was_left_out) {
  start(2);
  fill(prefill->pool, source, 2);
  prefill->handover.sender().send(ticket_for({7}, target), source, now);
  prefill->handover.sender().finish({7}, payload_of(kTokens));
  ASSERT_TRUE(run_until([&] { return decode->count<Received>({7}) > 0; }));
  EXPECT_EQ(wrong_slabs(decode->pool, target, 2), 0);
}

TEST_P(HandoverOver, refuses_a_ticket_of_an_earlier_incarnation) {
  start(3);
  auto ticket = ticket_for({7}, target);
  ticket.epoch = 99;
  prefill->handover.sender().send(ticket, source, now);
  push_all({7});
  ASSERT_TRUE(run_until([&] { return prefill->count<SendFailed>({7}) > 0; }));
  EXPECT_NE(prefill->find<SendFailed>({7})->error.message.find("incarnation"), std::string::npos);
  EXPECT_EQ(touched_slabs(decode->pool, {}), 0);
}

TEST_P(HandoverOver, drains_at_once_when_no_sender_came_and_refuses_it_later) {
  start(4);
  const auto ticket = ticket_for({7}, target);
  decode->handover.receiver().abort({7}, now);
  decode->run(now);
  EXPECT_EQ(decode->count<Drained>({7}), 1);
  prefill->handover.sender().send(ticket, source, now);
  push_all({7});
  ASSERT_TRUE(run_until([&] { return prefill->count<SendFailed>({7}) > 0; }));
  EXPECT_EQ(touched_slabs(decode->pool, {}), 0);
  EXPECT_EQ(decode->events.size(), 1U);
}

TEST_P(HandoverOver, times_out_a_grant_nobody_used) {
  start(5);
  ticket_for({7}, target);
  ASSERT_TRUE(run_until([&] { return decode->count<Drained>({7}) > 0; }));
  EXPECT_EQ(decode->find<ReceiveFailed>({7})->error.code, Errc::timeout);
}

TEST_P(HandoverOver, does_not_lose_patience_with_a_slow_prefill) {
  start(6);
  fill(prefill->pool, source, 6);
  prefill->handover.sender().send(ticket_for({7}, target), source, now);
  prefill->handover.sender().push_layers({7}, 0, 1, 8);
  run(20 * kStall);  // computing
  EXPECT_TRUE(prefill->events.empty());
  EXPECT_TRUE(decode->events.empty());
  push_all({7});
  ASSERT_TRUE(run_until([&] { return prefill->count<Delivered>({7}) > 0; }));
}

TEST_P(HandoverOver, cancel_ends_both_sides) {
  start(7);
  prefill->handover.sender().send(ticket_for({7}, target), source, now);
  prefill->handover.sender().push_layers({7}, 0, 2, kTokens);
  run(5ms);
  prefill->handover.sender().cancel({7});
  ASSERT_TRUE(run_until([&] { return decode->count<Drained>({7}) > 0; }));
  EXPECT_EQ(prefill->find<SendFailed>({7})->error.code, Errc::cancelled);
  EXPECT_EQ(decode->count<ReceiveFailed>({7}), 1);
}

TEST_P(HandoverOver, a_hung_sender_times_out_and_its_blocks_drain_only_when_it_cannot_write) {
  start(8);
  prefill->handover.sender().send(ticket_for({7}, target), source, now);
  prefill->handover.sender().push_layers({7}, 0, 2, kTokens);
  run(30ms);
  prefill->transport.hung = true;
  ASSERT_TRUE(run_until([&] { return decode->count<ReceiveFailed>({7}) > 0; }, 4 * kStall));
  EXPECT_EQ(decode->find<ReceiveFailed>({7})->error.code, Errc::timeout);
  run(1min, 10ms);
  if (mapped()) {
    EXPECT_EQ(decode->count<Drained>({7}), 0);  // it could wake up and write
    prefill->transport.kill();
  }
  EXPECT_TRUE(run_until([&] { return decode->count<Drained>({7}) == 1; }));
}

TEST_P(HandoverOver, a_sender_that_wakes_up_lets_its_blocks_drain) {
  start(9);
  prefill->handover.sender().send(ticket_for({7}, target), source, now);
  prefill->handover.sender().push_layers({7}, 0, 2, kTokens);
  run(30ms);
  prefill->transport.hung = true;
  ASSERT_TRUE(run_until([&] { return decode->count<ReceiveFailed>({7}) > 0; }, 4 * kStall));
  prefill->transport.hung = false;
  EXPECT_TRUE(run_until([&] { return decode->count<Drained>({7}) == 1; }));
  EXPECT_TRUE(run_until([&] { return prefill->count<SendFailed>({7}) == 1; }));
}

TEST_P(HandoverOver, a_hung_receiver_times_out_and_serves_again_later) {
  start(10);
  fill(prefill->pool, source, 10);
  prefill->handover.sender().send(ticket_for({7}, target), source, now);
  run(10ms);
  decode->transport.hung = true;
  push_all({7});
  ASSERT_TRUE(run_until([&] { return prefill->count<SendFailed>({7}) > 0; }, 4 * kStall));
  EXPECT_EQ(prefill->find<SendFailed>({7})->error.code, Errc::timeout);
  decode->transport.hung = false;
  ASSERT_TRUE(run_until([&] { return decode->count<Drained>({7}) + decode->count<Received>({7}) > 0; }));
  prefill->handover.sender().send(ticket_for({8}, target), source, now);
  push_all({8});
  EXPECT_TRUE(run_until([&] { return prefill->count<Delivered>({8}) > 0; }));
  EXPECT_EQ(wrong_slabs(decode->pool, target, 10), 0);
}

TEST_P(HandoverOver, a_receiver_that_is_not_there_fails_the_send_and_is_tried_again_next_time) {
  start(11);
  const auto ticket = ticket_for({7}, target);
  auto lost = ticket;
  lost.address = "nowhere";
  prefill->handover.sender().send(lost, source, now);
  ASSERT_TRUE(run_until([&] { return prefill->count<SendFailed>({7}) > 0; }));
  EXPECT_EQ(prefill->find<SendFailed>({7})->error.code, Errc::worker_lost);
  prefill->handover.sender().send(ticket, source, now);
  push_all({7});
  EXPECT_TRUE(run_until([&] { return prefill->count<Delivered>({7}) > 0; }));
}

TEST_P(HandoverOver, detects_damaged_data) {
  start(12);
  prefill->handover.sender().send(ticket_for({7}, target), source, now);
  prefill->handover.sender().push_layers({7}, 0, 3, kTokens);
  run(300ms);
  prefill->pool.slab(1, 3)[5] ^= std::byte{0x40};  // what was sent is no longer what is summed up
  prefill->handover.sender().finish({7}, payload_of(kTokens));
  ASSERT_TRUE(run_until([&] { return decode->count<Drained>({7}) > 0; }));
  EXPECT_NE(decode->find<ReceiveFailed>({7})->error.message.find("checksum"), std::string::npos);
  EXPECT_TRUE(run_until([&] { return prefill->count<SendFailed>({7}) == 1; }));
}

/// Random aborts, cancels, deaths and hangs at random moments: every transfer ends once on both living sides, no block
/// is written after it was given back, and nothing waits for ever.
TEST_P(HandoverOver, survives_random_faults) {
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    SCOPED_TRACE(seed);
    start(seed);
    network->on_write = [this](FakeTransport& node, const std::byte* at, std::size_t size) {
      if (&node != &decode->transport) return;
      const auto first = static_cast<std::size_t>(at - decode->bytes.data());
      const auto slab = tiny_layout().slab_bytes();
      for (auto index = first / slab; index <= (first + size - 1) / slab; ++index) {
        const auto block = static_cast<BlockId>(index % static_cast<std::size_t>(tiny_layout().blocks));
        EXPECT_FALSE(decode->owned_by_others.contains(block)) << "late write into block " << block;
      }
    };
    std::vector<std::vector<BlockId>> tables;
    for (BlockId first = 0; first < 24; first += 8) {
      tables.emplace_back();
      for (BlockId block = first; block < first + 8; ++block) tables.back().push_back(block);
      std::ranges::shuffle(tables.back(), network->random());
    }
    for (std::uint64_t i = 0; i < tables.size(); ++i) {
      prefill->handover.sender().send(ticket_for({i + 1}, tables[i]), source, now);
    }
    std::size_t seen = 0;
    for (int round = 0; round < 150; ++round) {
      const TransferId id{network->pick(3) + 1};
      const auto dice = network->pick(200);
      auto& sender = prefill->handover.sender();
      if (dice < 60) sender.push_layers(id, static_cast<std::int32_t>(network->pick(3)), 3, 3 + 4 * (round / 10));
      if (dice >= 60 && dice < 75 && round > 40) sender.finish(id, payload_of(kTokens));
      if (dice == 76) sender.cancel(id);
      if (dice == 77 || dice == 78) decode->handover.receiver().abort(id, now);
      if (dice == 79 && network->pick(4) == 0) prefill->transport.kill();
      if (dice == 80) prefill->transport.hung = !prefill->transport.hung;
      if (dice == 81) decode->transport.hung = !decode->transport.hung;
      run(network->pick(50) == 0 ? Duration(kStall) : Duration(5ms));
      for (; seen < decode->events.size(); ++seen) {
        TransferId over;
        if (const auto* received = std::get_if<Received>(&decode->events[seen])) over = received->id;
        if (const auto* drained = std::get_if<Drained>(&decode->events[seen])) over = drained->id;
        if (over.value == 0) continue;
        for (const auto block : tables[over.value - 1]) decode->owned_by_others.insert(block);
      }
    }
    prefill->transport.hung = decode->transport.hung = false;
    for (std::uint64_t i = 1; i <= 3; ++i) prefill->handover.sender().finish({i}, payload_of(kTokens));
    run(10s, 2ms);
    for (std::uint64_t i = 1; i <= 3; ++i) {
      const int ended = decode->count<Received>({i}) + decode->count<Drained>({i});
      EXPECT_EQ(ended, 1) << "transfer " << i;
      EXPECT_LE(decode->count<ReceiveFailed>({i}) + decode->count<Received>({i}), 1);
      const int reported = prefill->count<Delivered>({i}) + prefill->count<SendFailed>({i});
      EXPECT_EQ(reported, prefill->transport.dead ? reported : 1);
      EXPECT_LE(prefill->count<Delivered>({i}), decode->count<Received>({i}));
    }
    ASSERT_FALSE(HasFailure());
  }
}

INSTANTIATE_TEST_SUITE_P(Paths, HandoverOver,
                         testing::Values(PathCase{"messages", KvProtocol::tcp, DataPath::message},
                                         PathCase{"mapped", KvProtocol::automatic, DataPath::mapped},
                                         PathCase{"network_put", KvProtocol::rdma, DataPath::put}),
                         [](const auto& instance) { return std::string(instance.param.name); });

TEST(Handover, refuses_rdma_when_only_messages_were_negotiated) {
  FakeNetwork network(1);
  Node prefill(network, "p", KvProtocol::rdma, DataPath::message, 1);
  Node decode(network, "d", KvProtocol::tcp, DataPath::message, 2);
  const std::vector<BlockId> blocks{1};
  auto now = TimePoint{} + 1h;
  decode.handover.receiver().grant({.id = {7}, .blocks = blocks, .tokens = 4}, now);
  prefill.handover.sender().send({.id = {7}, .epoch = 2, .layout = tiny_layout(), .tokens = 4, .blocks = blocks,
                                  .host = "x", .address = "d", .memory = decode.transport.memory()},
                                 blocks, now);
  for (int i = 0; i < 100; ++i, now += 1ms) {
    prefill.run(now);
    decode.run(now);
  }
  ASSERT_EQ(prefill.count<SendFailed>({7}), 1);
  EXPECT_EQ(prefill.find<SendFailed>({7})->error.code, Errc::config);
  EXPECT_EQ(decode.count<Drained>({7}), 1);
}

}  // namespace
}  // namespace baton::transfer
