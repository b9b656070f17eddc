#include "transfer/service.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

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

INSTANTIATE_TEST_SUITE_P(Protocols, ServiceOver, testing::Values(KvProtocol::tcp, KvProtocol::shm, KvProtocol::automatic),
                         [](const auto& instance) { return protocol_name(instance.param); });

TEST(Service, uses_shared_memory_between_automatic_workers_of_one_host) {
  Worker prefill(service_options(KvProtocol::automatic));
  Worker decode(service_options(KvProtocol::automatic));
  EXPECT_EQ(prefill.service->transport(), "shm");
}

TEST(Service, refuses_rdma_without_a_device) {
  const auto made = Service::create(service_options(KvProtocol::rdma), [](Event) {});
  if (made) GTEST_SKIP() << "this machine has an RDMA device";
  EXPECT_EQ(made.error().code, Errc::config);
  EXPECT_NE(made.error().message.find("RDMA"), std::string::npos);
}

}  // namespace
}  // namespace baton::transfer
