#include "transfer/service.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <thread>

#include "unit/transfer/service_fixture.h"

namespace baton::transfer {
namespace {

std::string protocol_name(KvProtocol protocol) {
  switch (protocol) {
    case KvProtocol::tcp: return "tcp";
    case KvProtocol::shm: return "shm";
    case KvProtocol::rdma: return "rdma";
    case KvProtocol::automatic: return "auto";
  }
  return "?";
}

class ServiceOver : public testing::TestWithParam<KvProtocol> {
 protected:
  std::mt19937_64 random{7};

  /// Pushes one sequence from P to D with layers in random order and checks every byte.
  void push(Worker& from, Worker& to, std::int32_t tokens, std::int32_t first_token, std::uint64_t id) {
    const auto layout = from.service->pool().layout;
    const auto source = random_blocks(layout, layout.blocks_for(tokens), random);
    const auto target = random_blocks(layout, layout.blocks_for(tokens - first_token), random);
    fill(from.service->pool(), source, id);
    poison(to.service->pool());
    const auto ticket =
        to.service->grant({.id = {id}, .blocks = target, .first_token = first_token, .tokens = tokens});
    const auto sent = from.service->send(ticket, source);
    ASSERT_TRUE(sent.has_value()) << sent.error().message;
    std::vector<std::int32_t> layers(static_cast<std::size_t>(layout.layers));
    std::iota(layers.begin(), layers.end(), 0);
    for (const auto upto : {tokens / 3, tokens / 2, tokens}) {
      std::ranges::shuffle(layers, random);
      for (const auto layer : layers) from.service->push_layers(*sent, layer, layer + 1, upto);
    }
    from.service->finish(*sent, payload_of(tokens));
    const auto delivered = from.log->wait_for<Delivered>(*sent);
    const auto received = to.log->wait_for<Received>(*sent);
    ASSERT_TRUE(delivered && received);
    const auto bytes = target.size() * layout.slab_bytes() * static_cast<std::size_t>(layout.layers);
    EXPECT_EQ(delivered->bytes, bytes);
    EXPECT_EQ(received->bytes, bytes);
    EXPECT_EQ(received->payload.prompt_tokens, tokens);
    EXPECT_EQ(received->payload.first_token.token, 4242);
    ASSERT_EQ(received->payload.first_token.top.size(), 2U);
    EXPECT_EQ(received->payload.first_token.top[1].token, 7);
    EXPECT_EQ(wrong_slabs(to.service->pool(), target, id, static_cast<std::size_t>(first_token / layout.block_tokens)), 0);
    EXPECT_EQ(touched_slabs(to.service->pool(), target), 0);
    EXPECT_EQ(to.log->count<Drained>(*sent), 0);
  }
};

TEST_P(ServiceOver, moves_every_byte_of_sequences_around_block_borders) {
  Worker prefill(service_options(GetParam()));
  Worker decode(service_options(GetParam()));
  std::uint64_t id = 100;
  for (const std::int32_t tokens : {1, 15, 16, 17, 31, 32, 33, 160, 1023, 1024}) {
    SCOPED_TRACE(tokens);
    push(prefill, decode, tokens, 0, id++);
  }
  EXPECT_EQ(prefill.service->stats().transfers_sent, 10U);
  EXPECT_EQ(decode.service->stats().transfers_received, 10U);
  EXPECT_EQ(decode.service->stats().open_grants, 0U);
  EXPECT_EQ(prefill.service->stats().failed, 0U);
}

TEST_P(ServiceOver, leaves_out_the_prefix_the_receiver_has) {
  Worker prefill(service_options(GetParam()));
  Worker decode(service_options(GetParam()));
  push(prefill, decode, 100, 48, 1);
  push(prefill, decode, 96, 96, 2);  // nothing left to push: only the COMMIT
}

TEST_P(ServiceOver, moves_large_contiguous_runs) {
  const KvLayout layout{.layers = 3, .blocks = 40, .kv_heads = 8, .block_tokens = 64, .head_dim = 128};
  Worker prefill(service_options(GetParam(), layout));
  Worker decode(service_options(GetParam(), layout));
  std::vector<BlockId> blocks(30);
  std::iota(blocks.begin(), blocks.end(), 3);
  const std::int32_t tokens = 64 * 30;
  fill(prefill.service->pool(), blocks, 9);
  poison(decode.service->pool());
  const auto sent = prefill.service->send(decode.service->grant({.id = {9}, .blocks = blocks, .tokens = tokens}), blocks);
  ASSERT_TRUE(sent);
  prefill.service->push_layers(*sent, 0, 3, tokens);
  prefill.service->finish(*sent, payload_of(tokens));
  ASSERT_TRUE(prefill.log->wait_for<Delivered>(*sent));
  ASSERT_TRUE(decode.log->wait_for<Received>(*sent));
  EXPECT_EQ(wrong_slabs(decode.service->pool(), blocks, 9), 0);
  EXPECT_EQ(touched_slabs(decode.service->pool(), blocks), 0);
}

TEST_P(ServiceOver, moves_many_sequences_at_once_from_many_threads) {
  Worker prefill(service_options(GetParam(), small_layout(256)));
  Worker decode(service_options(GetParam(), small_layout(256)));
  const auto layout = small_layout(256);
  constexpr std::int32_t kCount = 8;
  constexpr std::int32_t kTokens = 16 * 24 - 3;
  const auto sources = random_blocks(layout, 24 * kCount, random);
  const auto targets = random_blocks(layout, 24 * kCount, random);
  poison(decode.service->pool());
  std::vector<std::thread> threads;
  for (std::int32_t i = 0; i < kCount; ++i) {
    threads.emplace_back([&, i] {
      const TransferId id{static_cast<std::uint64_t>(i) + 1};
      const std::vector<BlockId> source(sources.begin() + i * 24, sources.begin() + (i + 1) * 24);
      fill(prefill.service->pool(), source, id.value);
      const std::vector<BlockId> target(targets.begin() + i * 24, targets.begin() + (i + 1) * 24);
      const auto ticket = decode.service->grant({.id = id, .blocks = target, .tokens = kTokens});
      ASSERT_TRUE(prefill.service->send(ticket, source));
      for (std::int32_t upto = 40; upto < kTokens + 40; upto += 40) prefill.service->push_layers(id, 0, 4, upto);
      prefill.service->finish(id, payload_of(kTokens));
    });
  }
  for (auto& thread : threads) thread.join();
  for (std::int32_t i = 0; i < kCount; ++i) {
    const TransferId id{static_cast<std::uint64_t>(i) + 1};
    ASSERT_TRUE(prefill.log->wait_for<Delivered>(id));
    ASSERT_TRUE(decode.log->wait_for<Received>(id));
    EXPECT_EQ(wrong_slabs(decode.service->pool(), {targets.data() + i * 24, 24}, id.value), 0);
  }
  EXPECT_EQ(touched_slabs(decode.service->pool(), targets), 0);
}

TEST_P(ServiceOver, abort_at_any_moment_drains_and_nothing_is_written_afterwards) {
  Worker prefill(service_options(GetParam(), small_layout(128)));
  Worker decode(service_options(GetParam(), small_layout(128)));
  const auto layout = small_layout(128);
  int received = 0;
  for (std::uint64_t i = 1; i <= 60; ++i) {
    SCOPED_TRACE(i);
    const TransferId id{i};
    const auto source = random_blocks(layout, 100, random);
    const auto target = random_blocks(layout, 100, random);
    const auto ticket = decode.service->grant({.id = id, .blocks = target, .tokens = 1600});
    ASSERT_TRUE(prefill.service->send(ticket, source));
    prefill.service->push_layers(id, 0, 2, 1600);
    prefill.service->finish(id, payload_of(1600));
    std::this_thread::sleep_for(std::chrono::microseconds(std::uniform_int_distribution(0, 3000)(random)));
    decode.service->abort(id);
    decode.service->abort(id);
    for (int tries = 0; tries < 500 && decode.log->count<Received>(id) == 0; ++tries) {
      if (decode.log->wait_for<Drained>(id, 10ms)) break;
    }
    poison(decode.service->pool());  // the blocks belong to somebody else from here on
    for (int tries = 0; tries < 500 && prefill.log->count<Delivered>(id) == 0; ++tries) {
      if (prefill.log->wait_for<SendFailed>(id, 10ms)) break;
    }
    EXPECT_EQ(decode.log->count<Received>(id) + decode.log->count<Drained>(id), 1);
    EXPECT_EQ(prefill.log->count<Delivered>(id) + prefill.log->count<SendFailed>(id), 1);
    EXPECT_EQ(decode.log->count<ReceiveFailed>(id), 0);
    EXPECT_EQ(touched_slabs(decode.service->pool(), {}), 0);
    received += decode.log->count<Received>(id);
  }
  RecordProperty("received", received);
  EXPECT_EQ(decode.service->stats().draining, 0U);
}

TEST_P(ServiceOver, cancel_ends_both_sides) {
  Worker prefill(service_options(GetParam()));
  Worker decode(service_options(GetParam()));
  const auto blocks = random_blocks(small_layout(), 10, random);
  const auto ticket = decode.service->grant({.id = {1}, .blocks = blocks, .tokens = 160});
  ASSERT_TRUE(prefill.service->send(ticket, blocks));
  prefill.service->push_layers({1}, 0, 2, 160);
  prefill.service->cancel({1});
  const auto failed = prefill.log->wait_for<SendFailed>({1});
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->error.code, Errc::cancelled);
  decode.service->abort({1});
  EXPECT_TRUE(decode.log->wait_for<Drained>({1}));
}

TEST_P(ServiceOver, a_receiver_that_went_away_fails_the_send) {
  Worker prefill(service_options(GetParam()));
  const auto blocks = random_blocks(small_layout(), 10, random);
  std::string ticket;
  {
    Worker decode(service_options(GetParam()));
    ticket = decode.service->grant({.id = {1}, .blocks = blocks, .tokens = 160});
  }
  ASSERT_TRUE(prefill.service->send(ticket, blocks));
  prefill.service->finish({1}, payload_of(160));
  EXPECT_TRUE(prefill.log->wait_for<SendFailed>({1}));
}

TEST_P(ServiceOver, refuses_tickets_that_do_not_fit) {
  Worker prefill(service_options(GetParam()));
  auto other = small_layout();
  other.head_dim = 64;
  Worker decode(service_options(GetParam(), other));
  const auto blocks = random_blocks(small_layout(), 10, random);
  const auto ticket = decode.service->grant({.id = {1}, .blocks = blocks, .tokens = 160});
  const auto mismatch = prefill.service->send(ticket, blocks);
  ASSERT_FALSE(mismatch);
  EXPECT_NE(mismatch.error().message.find("head_dim"), std::string::npos);
  EXPECT_EQ(prefill.service->send("nonsense", blocks).error().code, Errc::protocol);

  Worker same(service_options(GetParam()));
  const auto fitting = same.service->grant({.id = {2}, .blocks = blocks, .tokens = 160});
  EXPECT_FALSE(prefill.service->send(fitting, {1, 2, 3}));          // too few blocks
  EXPECT_FALSE(prefill.service->send(fitting, std::vector<BlockId>(10, 64)));  // outside the pool
  ASSERT_TRUE(prefill.service->send(fitting, blocks));
  EXPECT_FALSE(prefill.service->send(fitting, blocks));             // in use
}

INSTANTIATE_TEST_SUITE_P(Protocols, ServiceOver, testing::Values(KvProtocol::tcp, KvProtocol::shm, KvProtocol::automatic),
                         [](const auto& instance) { return protocol_name(instance.param); });

TEST(Service, a_receiver_of_automatic_serves_shared_memory_and_tcp) {
  Worker decode(service_options(KvProtocol::automatic));
  std::uint64_t id = 1;
  for (const auto& [protocol, name] : {std::pair{KvProtocol::automatic, "shm"}, {KvProtocol::shm, "shm"},
                                       {KvProtocol::tcp, "tcp"}}) {
    Worker prefill(service_options(protocol));
    const std::vector<BlockId> blocks{1, 2, 3};
    fill(prefill.service->pool(), blocks, id);
    ASSERT_TRUE(prefill.service->send(decode.service->grant({.id = {id}, .blocks = blocks, .tokens = 48}), blocks));
    prefill.service->finish({id}, payload_of(48));
    ASSERT_TRUE(prefill.log->wait_for<Delivered>({id})) << name;
    ASSERT_TRUE(decode.log->wait_for<Received>({id})) << name;
    EXPECT_EQ(wrong_slabs(decode.service->pool(), blocks, id), 0);
    EXPECT_EQ(prefill.service->transport(), name);
    ++id;
  }
}

TEST(Service, a_receiver_of_tcp_serves_automatic_but_not_shared_memory) {
  Worker decode(service_options(KvProtocol::tcp));
  const std::vector<BlockId> blocks{1, 2, 3};
  Worker automatic(service_options(KvProtocol::automatic));
  ASSERT_TRUE(automatic.service->send(decode.service->grant({.id = {1}, .blocks = blocks, .tokens = 48}), blocks));
  automatic.service->finish({1}, payload_of(48));
  EXPECT_TRUE(automatic.log->wait_for<Delivered>({1}));
  EXPECT_EQ(automatic.service->transport(), "tcp");
  Worker shared(service_options(KvProtocol::shm));
  ASSERT_TRUE(shared.service->send(decode.service->grant({.id = {2}, .blocks = blocks, .tokens = 48}), blocks));
  shared.service->finish({2}, payload_of(48));
  const auto failed = shared.log->wait_for<SendFailed>({2});
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->error.code, Errc::config);
}

TEST(Service, refuses_a_bad_address_and_a_bad_backend) {
  auto options = service_options(KvProtocol::tcp);
  options.listen_host = "203.0.113.7";
  EXPECT_EQ(Service::create(options, [](Event) {}).error().code, Errc::config);
  options.listen_host = "no.such.host.invalid";
  EXPECT_EQ(Service::create(options, [](Event) {}).error().code, Errc::config);
  options.listen_host = "127.0.0.1";
  options.config.backend = "carrier-pigeon";
  EXPECT_EQ(Service::create(options, [](Event) {}).error().code, Errc::config);
  options.config.backend = "ucx";
  options.config.devices = {"nosuchdevice0"};
  EXPECT_EQ(Service::create(options, [](Event) {}).error().code, Errc::config);
  options.layout.layers = 0;
  EXPECT_EQ(Service::create(options, [](Event) {}).error().code, Errc::config);
}

TEST(Service, refuses_rdma_without_a_device) {
  const auto made = Service::create(service_options(KvProtocol::rdma), [](Event) {});
  if (made) GTEST_SKIP() << "this machine has an RDMA device";
  EXPECT_EQ(made.error().code, Errc::config);
  EXPECT_NE(made.error().message.find("RDMA"), std::string::npos);
}

}  // namespace
}  // namespace baton::transfer
