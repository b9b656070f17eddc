#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace baton {

/// Finaliser of splitmix64: a bijection that spreads every input bit over the output.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// Order-dependent combination of a running hash with one more word.
constexpr std::uint64_t hash_combine(std::uint64_t seed, std::uint64_t word) {
  return mix64(seed * 0x9e3779b97f4a7c15ULL + word + 0x632be59bd9b4e019ULL);
}

/// 64-bit checksum of bytes (not cryptographic): 8 bytes a step over four lanes.
std::uint64_t hash_bytes(std::span<const std::byte> data, std::uint64_t seed = 0);

}  // namespace baton
