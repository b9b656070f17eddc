#include "model/model_hash.h"

#include <array>
#include <cstdio>

#include "core/hash.h"
#include "model/safetensors.h"

namespace baton::model {

Result<std::string> model_hash(const std::filesystem::path& directory, const Checkpoint& checkpoint) {
  std::uint64_t hash = 0;
  for (const char* name : {"config.json", "tokenizer.json"}) {
    const Result<MappedFile> file = MappedFile::open(directory / name);
    if (file) {
      hash = hash_combine(hash, hash_bytes(file->bytes()));
    } else if (file.error().code == Errc::not_found && name == std::string_view("tokenizer.json")) {
      hash = hash_combine(hash, 0);
    } else {
      return std::unexpected(file.error());
    }
  }
  for (const MappedFile& file : checkpoint.files()) {
    const Result<std::span<const std::byte>> header = safetensors_header_bytes(file.bytes(), file.path().native());
    if (!header) return std::unexpected(header.error());
    hash = hash_combine(hash, hash_bytes(*header));
  }
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(hash));
  return std::string(text.data());
}

Result<std::string> model_hash(const std::filesystem::path& directory) {
  const Result<Checkpoint> checkpoint = Checkpoint::open(directory);
  if (!checkpoint) return std::unexpected(checkpoint.error());
  return model_hash(directory, *checkpoint);
}

}  // namespace baton::model
