#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "baton/error.h"
#include "model/mapped_file.h"
#include "model/tensor.h"

namespace baton::model {

/// The weights of a Hugging Face directory, memory-mapped: model.safetensors, or the files that
/// model.safetensors.index.json names. Move-only; views stay valid while it lives, also after a move.
/// Thread-safe once opened.
class Checkpoint {
 public:
  /// Maps every file and checks every header and the index against each other. Errors: not_found, io, corrupt_file,
  /// naming the file and the tensor.
  static Result<Checkpoint> open(const std::filesystem::path& directory);

  /// Null when there is none of that name.
  const TensorView* find(std::string_view name) const;
  /// In no particular order.
  std::span<const TensorView> tensors() const { return tensors_; }
  /// In order of file name.
  std::span<const MappedFile> files() const { return files_; }

  /// Starts reading all files ahead; call before packing the weights.
  void will_need() const;
  /// Lets the pages go; call when the weights were copied elsewhere.
  void dont_need() const;

 private:
  Checkpoint() = default;
  Result<void> add_file(const std::filesystem::path& path);

  std::vector<MappedFile> files_;
  std::vector<TensorView> tensors_;
  std::map<std::string, std::size_t, std::less<>> by_name_;  ///< index into tensors_
};

}  // namespace baton::model
