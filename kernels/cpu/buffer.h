#pragma once

#include <cstddef>

namespace baton::kernels {

/// Zeroed memory of its own, page aligned, on huge pages where the kernel grants them. Move-only.
/// Aborts when the operating system refuses the memory.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t bytes);
  ~Buffer();
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }
  /// Makes room for `bytes`; contents are lost when it has to grow.
  void reserve(std::size_t bytes);

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace baton::kernels
