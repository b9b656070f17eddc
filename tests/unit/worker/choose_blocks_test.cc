#include <gtest/gtest.h>

#include "worker/worker.h"

namespace baton::worker {
namespace {

constexpr KvLayout kLayout{
    .layers = 4, .blocks = 0, .kv_heads = 2, .block_tokens = 16, .head_dim = 64, .dtype = DType::bf16};

}  // namespace

TEST(ChooseBlocks, fills_a_given_pool) {
  const std::size_t block_bytes = 4 * kLayout.slab_bytes();
  EXPECT_EQ(choose_blocks(kLayout, 1.0, 8, 4096).value(),
            static_cast<std::int32_t>((std::size_t{1} << 30) / block_bytes));
}

TEST(ChooseBlocks, takes_no_more_than_the_batch_can_use) {
  EXPECT_EQ(choose_blocks(kLayout, 0, 2, 1024).value(), 128);
}

TEST(ChooseBlocks, always_holds_one_full_context_by_default) {
  EXPECT_EQ(choose_blocks(kLayout, 0, 64, 1 << 20).value(), (1 << 20) / 16);
}

TEST(ChooseBlocks, says_when_nothing_fits) {
  const auto none = choose_blocks(kLayout, 1e-9, 8, 4096);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, Errc::config);
}

}  // namespace baton::worker
