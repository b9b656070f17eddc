#include "core/hash.h"

#include <array>
#include <cstring>

namespace baton {

std::uint64_t hash_bytes(std::span<const std::byte> data, std::uint64_t seed) {
  std::array<std::uint64_t, 4> lanes{seed + 1, seed + 2, seed + 3, seed + 4};
  std::size_t at = 0;
  for (; at + 32 <= data.size(); at += 32) {
    for (std::size_t lane = 0; lane < 4; ++lane) {
      std::uint64_t word = 0;
      std::memcpy(&word, data.data() + at + 8 * lane, 8);
      lanes[lane] = (lanes[lane] ^ word) * 0x9e3779b97f4a7c15ULL;
      lanes[lane] ^= lanes[lane] >> 29;
    }
  }
  std::uint64_t result = data.size();
  for (std::uint64_t lane : lanes) result = hash_combine(result, lane);
  for (; at < data.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, data.data() + at, data.size() - at < 8 ? data.size() - at : 8);
    result = hash_combine(result, word);
  }
  return result;
}

}  // namespace baton
