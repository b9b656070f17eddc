#pragma once

#include <array>
#include <cstdint>

namespace baton {

/// Philox4x32-10 (Salmon et al., SC'11): counter-based, so draw i of a stream needs no state.
std::array<std::uint32_t, 4> philox(std::uint64_t key, std::uint64_t counter_lo, std::uint64_t counter_hi);

/// Uniform in [0, 1) from 24 bits of word 0.
float philox_uniform(std::uint64_t key, std::uint64_t counter);

}  // namespace baton
