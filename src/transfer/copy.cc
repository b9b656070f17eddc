#include "transfer/copy.h"

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace baton::transfer {
namespace {

using CopyLines = void (*)(std::byte* to, const std::byte* from, std::size_t lines);

constexpr std::size_t kLine = 64;
/// Below this, what the copy leaves in the cache is worth more than the traffic it costs.
constexpr std::size_t kStreamingBytes = 16 << 10;

#if defined(__x86_64__)
__attribute__((target("avx512f"))) void copy_lines_avx512(std::byte* to, const std::byte* from, std::size_t lines) {
  for (std::size_t i = 0; i < lines; ++i) {
    _mm_prefetch(reinterpret_cast<const char*>(from + (i + 16) * kLine), _MM_HINT_NTA);
    _mm512_stream_si512(reinterpret_cast<__m512i*>(to + i * kLine), _mm512_loadu_si512(from + i * kLine));
  }
  _mm_sfence();
}

__attribute__((target("avx2"))) void copy_lines_avx2(std::byte* to, const std::byte* from, std::size_t lines) {
  for (std::size_t i = 0; i < lines; ++i) {
    const auto* source = reinterpret_cast<const __m256i*>(from + i * kLine);
    auto* target = reinterpret_cast<__m256i*>(to + i * kLine);
    _mm_prefetch(reinterpret_cast<const char*>(from + (i + 16) * kLine), _MM_HINT_NTA);
    const auto low = _mm256_loadu_si256(source);
    const auto high = _mm256_loadu_si256(source + 1);
    _mm256_stream_si256(target, low);
    _mm256_stream_si256(target + 1, high);
  }
  _mm_sfence();
}
#endif

CopyLines choose() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return copy_lines_avx512;
  if (__builtin_cpu_supports("avx2")) return copy_lines_avx2;
#endif
  return nullptr;
}

}  // namespace

void copy_streaming(std::byte* to, std::span<const std::byte> from) {
  static const CopyLines copy_lines = choose();
  const std::byte* source = from.data();
  std::size_t rest = from.size();
  if (copy_lines == nullptr || rest < kStreamingBytes) {
    std::memcpy(to, source, rest);
    return;
  }
  const auto head = (kLine - reinterpret_cast<std::uintptr_t>(to) % kLine) % kLine;
  std::memcpy(to, source, head);
  const auto lines = (rest - head) / kLine;
  copy_lines(to + head, source + head, lines);
  const auto done = head + lines * kLine;
  rest -= done;
  std::memcpy(to + done, source + done, rest);
}

}  // namespace baton::transfer
