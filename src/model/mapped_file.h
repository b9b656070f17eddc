#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "baton/error.h"

namespace baton::model {

/// Read-only memory map of a whole regular file. Move-only; bytes() stays valid while the object lives, also after a
/// move. A file that is truncated by someone else while mapped kills the process with SIGBUS: replace model files by
/// rename, never in place.
class MappedFile {
 public:
  static Result<MappedFile> open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(base_), size_}; }

  /// Tells the kernel that all of it will be read soon, front to back.
  void will_need() const;
  /// Tells the kernel that the pages may go; reading them again reads the file again.
  void dont_need() const;

 private:
  MappedFile() = default;
  std::filesystem::path path_;
  void* base_ = nullptr;
  std::size_t size_ = 0;
};

/// Contents of a small text file. Errors: not_found, io, and corrupt_file when it has more than `max_bytes`.
Result<std::string> read_text_file(const std::filesystem::path& path, std::uint64_t max_bytes);

}  // namespace baton::model
