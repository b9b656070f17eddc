#pragma once

#include <cstddef>
#include <span>

namespace baton::transfer {

/// Copies with stores that bypass the cache (AVX-512 or AVX2, whichever this processor has; memcpy otherwise): the
/// source process does not read the target again, and not fetching target lines saves a third of the memory traffic.
/// `to` is as long as `from`; they do not overlap. The bytes are visible to other processors on return.
void copy_streaming(std::byte* to, std::span<const std::byte> from);

}  // namespace baton::transfer
