#include "core/philox.h"

namespace baton {

std::array<std::uint32_t, 4> philox(std::uint64_t key, std::uint64_t counter_lo, std::uint64_t counter_hi) {
  std::array<std::uint32_t, 4> c{static_cast<std::uint32_t>(counter_lo), static_cast<std::uint32_t>(counter_lo >> 32),
                                 static_cast<std::uint32_t>(counter_hi), static_cast<std::uint32_t>(counter_hi >> 32)};
  auto k0 = static_cast<std::uint32_t>(key);
  auto k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53U} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57U} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  return c;
}

float philox_uniform(std::uint64_t key, std::uint64_t counter) {
  return static_cast<float>(philox(key, counter, 0)[0] >> 8) * 0x1.0p-24F;
}

}  // namespace baton
