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
  explicit Descriptor(int fd) : x_fd(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (x_fd >= 0) ::close(x_fd);
  }
  int get() const { return x_fd; }

 private:
  int x_fd;
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
  file.x_path = path;
  file.x_size = static_cast<std::size_t>(info.st_size);
  if (file.x_size == 0) return file;
  void* base = ::mmap(nullptr, file.x_size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (base == MAP_FAILED) {
    file.x_size = 0;
    return os_failure(path, "cannot map", errno);
  }
  file.x_base = base;
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : x_path(std::move(other.x_path)),
      x_base(std::exchange(other.x_base, nullptr)),
      x_size(std::exchange(other.x_size, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(x_path, other.x_path);
  std::swap(x_base, other.x_base);
  std::swap(x_size, other.x_size);
  return *this;
}

MappedFile::~MappedFile() {
  if (x_base != nullptr) ::munmap(x_base, x_size);
}

void MappedFile::will_need() const {
  if (x_base != nullptr) ::madvise(x_base, x_size, MADV_WILLNEED);
}

void MappedFile::dont_need() const {
  if (x_base != nullptr) ::madvise(x_base, x_size, MADV_DONTNEED);
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
