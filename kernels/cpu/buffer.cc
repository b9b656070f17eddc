#include "kernels/cpu/buffer.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace baton::kernels {
namespace {

constexpr std::size_t kHugePage = 2U << 20;
constexpr std::size_t kSmallPage = 4096;

std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

/// Anonymous memory aligned to a huge page, so that all of it can sit on huge pages.
std::byte* map_aligned(std::size_t bytes) {
  const std::size_t alignment = bytes >= kHugePage ? kHugePage : kSmallPage;
  const std::size_t mapped = bytes + alignment - kSmallPage;
  void* raw = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) {
    std::fprintf(stderr, "baton: cannot allocate %zu bytes\n", bytes);
    std::abort();
  }
  auto* const begin = static_cast<std::byte*>(raw);
  auto* const aligned = reinterpret_cast<std::byte*>(round_up(reinterpret_cast<std::size_t>(begin), alignment));
  if (aligned != begin) munmap(begin, static_cast<std::size_t>(aligned - begin));
  const auto tail = static_cast<std::size_t>(begin + mapped - (aligned + bytes));
  if (tail != 0) munmap(aligned + bytes, tail);
  if (alignment == kHugePage) madvise(aligned, bytes, MADV_HUGEPAGE);
  return aligned;
}

}  // namespace

Buffer::Buffer(std::size_t bytes) : size_(round_up(bytes, kSmallPage)) {
  if (size_ != 0) data_ = map_aligned(size_);
}

Buffer::~Buffer() {
  if (data_ != nullptr) munmap(data_, size_);
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void Buffer::reserve(std::size_t bytes) {
  if (bytes > size_) *this = Buffer(bytes);
}

}  // namespace baton::kernels
