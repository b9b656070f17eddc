#include "transfer/copy.h"

#include <gtest/gtest.h>

#include <vector>

namespace baton::transfer {
namespace {

TEST(CopyStreaming, copies_exactly_its_range_for_all_alignments_and_lengths) {
  std::vector<std::byte> from(80'000);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<std::byte>(i * 7 + (i >> 8));
  for (const std::size_t length : {0UL, 1UL, 63UL, 64UL, 16383UL, 16384UL, 16385UL, 20'000UL, 65'536UL, 70'001UL}) {
    for (const std::size_t shift : {0UL, 1UL, 31UL, 63UL}) {
      std::vector<std::byte> to(80'000, std::byte{0xee});
      copy_streaming(to.data() + shift, std::span(from).subspan(shift * 3, length));
      for (std::size_t i = 0; i < to.size(); ++i) {
        const bool inside = i >= shift && i < shift + length;
        ASSERT_EQ(to[i], inside ? from[i - shift + shift * 3] : std::byte{0xee}) << length << " " << shift << " " << i;
      }
    }
  }
}

}  // namespace
}  // namespace baton::transfer
