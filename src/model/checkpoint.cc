#include "model/checkpoint.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "model/safetensors.h"

namespace baton::model {
namespace {

using nlohmann::json;

constexpr std::string_view kSingleFile = "model.safetensors";
constexpr std::string_view kIndexFile = "model.safetensors.index.json";
constexpr std::uint64_t kMaxIndexBytes = 64 << 20;
constexpr std::size_t kMaxShards = 4096;

using WeightMap = std::map<std::string, std::string>;  ///< tensor -> file

std::unexpected<Error> corrupt(const std::filesystem::path& file, const std::string& what) {
  return fail(Errc::corrupt_file, std::string(file) + ": " + what);
}

Result<WeightMap> read_index(const std::filesystem::path& path) {
  const Result<std::string> text = read_text_file(path, kMaxIndexBytes);
  if (!text) return std::unexpected(text.error());
  const json index = json::parse(*text, nullptr, false);
  if (index.is_discarded()) return corrupt(path, "not valid JSON");
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
    return corrupt(path, "'weight_map' is missing or not an object");
  WeightMap map;
  for (const auto& [tensor, file] : index["weight_map"].items()) {
    if (!file.is_string()) return corrupt(path, "weight_map['" + tensor + "'] is not a file name");
    const auto& name = file.get_ref<const std::string&>();
    if (name.empty() || name.find('/') != std::string::npos || name.find('\0') != std::string::npos || name == "..")
      return corrupt(path,
                     "weight_map['" + tensor + "'] must be the plain name of a file next to it, not '" + name + "'");
    map.emplace(tensor, name);
  }
  if (map.empty()) return corrupt(path, "'weight_map' is empty");
  return map;
}

std::unexpected<Error> no_weights(const std::filesystem::path& directory) {
  std::error_code ignored;
  const bool pickled = std::filesystem::exists(directory / "pytorch_model.bin", ignored) ||
                       std::filesystem::exists(directory / "pytorch_model.bin.index.json", ignored);
  return fail(Errc::not_found, std::string(directory) + ": has neither " + std::string(kSingleFile) + " nor " +
                                   std::string(kIndexFile) +
                                   (pickled ? "; pytorch_model.bin is not read, convert it to safetensors" : ""));
}

}  // namespace

Result<void> Checkpoint::add_file(const std::filesystem::path& path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file) return std::unexpected(file.error());
  Result<std::vector<TensorView>> views = read_safetensors(file->bytes(), path.native());
  if (!views) return std::unexpected(views.error());
  for (TensorView& view : *views) {
    const auto [at, added] = by_name_.emplace(view.name, tensors_.size());
    if (!added) return corrupt(path, "tensor '" + view.name + "' is in another file of the model too");
    tensors_.push_back(std::move(view));
  }
  files_.push_back(std::move(*file));
  return {};
}

Result<Checkpoint> Checkpoint::open(const std::filesystem::path& directory) {
  Checkpoint checkpoint;
  std::error_code ignored;
  if (std::filesystem::exists(directory / kSingleFile, ignored)) {
    const Result<void> added = checkpoint.add_file(directory / kSingleFile);
    if (!added) return std::unexpected(added.error());
    return checkpoint;
  }
  const std::filesystem::path index_path = directory / kIndexFile;
  if (!std::filesystem::exists(index_path, ignored)) return no_weights(directory);
  const Result<WeightMap> map = read_index(index_path);
  if (!map) return std::unexpected(map.error());
  std::set<std::string> files;
  for (const auto& [tensor, file] : *map) files.insert(file);
  if (files.size() > kMaxShards) return corrupt(index_path, "names more than 4096 files");
  std::map<std::string, std::string, std::less<>> found;  // tensor -> file it is in
  for (const std::string& file : files) {
    const std::size_t before = checkpoint.tensors_.size();
    const Result<void> added = checkpoint.add_file(directory / file);
    if (!added) return std::unexpected(added.error());
    for (std::size_t i = before; i < checkpoint.tensors_.size(); ++i) found[checkpoint.tensors_[i].name] = file;
  }
  for (const auto& [tensor, file] : *map) {
    const auto at = found.find(tensor);
    if (at == found.end() || at->second != file)
      return corrupt(directory / file,
                     "tensor '" + tensor + "' is missing, though " + std::string(kIndexFile) + " puts it there");
  }
  for (const auto& [tensor, file] : found) {
    if (!map->contains(tensor))
      return corrupt(directory / file, "tensor '" + tensor + "' is not listed in " + std::string(kIndexFile));
  }
  return checkpoint;
}

const TensorView* Checkpoint::find(std::string_view name) const {
  const auto at = by_name_.find(name);
  return at == by_name_.end() ? nullptr : &tensors_[at->second];
}

void Checkpoint::will_need() const {
  for (const MappedFile& file : files_) file.will_need();
}

void Checkpoint::dont_need() const {
  for (const MappedFile& file : files_) file.dont_need();
}

}  // namespace baton::model
