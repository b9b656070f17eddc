#include "core/hash.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace baton {

TEST(HashBytes, sees_every_bit_length_and_seed) {
  std::vector<std::byte> data(101);
  std::set<std::uint64_t> seen{hash_bytes(data), hash_bytes(data, 1)};
  for (std::size_t i = 0; i < data.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      data[i] = std::byte{1} << bit;
      seen.insert(hash_bytes(data));
    }
    data[i] = std::byte{0};
  }
  for (std::size_t n = 0; n < 101; ++n) seen.insert(hash_bytes(std::span(data).first(n)));
  EXPECT_EQ(seen.size(), 2 + 808 + 101);
}

}  // namespace baton
