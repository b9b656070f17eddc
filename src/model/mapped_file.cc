#include "model/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace baton::model {
namespace {

std::unexpected<Error> os_failure(const std::filesystem::path& path, std::string_view what, int error) {
  const Errc code = error == ENOENT ? Errc::not_found : Errc::io;
  return fail(code, std::string(path) + ": " + std::string(what) + ": " + std::generic_category().message(error));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a FIFO that stands where a file should be must not hang.
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return os_failure(path, "cannot open", errno);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return os_failure(path, "cannot stat", errno);
  if (!S_ISREG(info.st_mode)) return fail(Errc::corrupt_file, std::string(path) + ": not a regular file");
  MappedFile file;
  file.path_ = path;
  file.size_ = static_cast<std::size_t>(info.st_size);
  if (file.size_ == 0) return file;
  void* base = ::mmap(nullptr, file.size_, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (base == MAP_FAILED) {
    file.size_ = 0;
    return os_failure(path, "cannot map", errno);
  }
  file.base_ = base;
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), base_(std::exchange(other.base_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(base_, other.base_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (base_ != nullptr) ::munmap(base_, size_);
}

void MappedFile::will_need() const {
  if (base_ != nullptr) ::madvise(base_, size_, MADV_WILLNEED);
}

void MappedFile::dont_need() const {
  if (base_ != nullptr) ::madvise(base_, size_, MADV_DONTNEED);
}

Result<std::string> read_text_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file) return std::unexpected(file.error());
  const std::span<const std::byte> bytes = file->bytes();
  if (bytes.size() > max_bytes) {
    return fail(Errc::corrupt_file, std::string(path) + ": has " + std::to_string(bytes.size()) +
                                        " bytes, more than the limit of " + std::to_string(max_bytes));
  }
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace baton::model
