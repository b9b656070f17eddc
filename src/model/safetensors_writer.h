#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "baton/error.h"
#include "model/tensor.h"

namespace baton::model {

/// Name, type and shape of a tensor to be written.
struct TensorSpec {
  std::string name;
  TensorType type = TensorType::bf16;
  std::vector<std::int64_t> shape;

  std::uint64_t bytes() const;
};

/// Writes one safetensors file front to back, without holding tensors in memory. Move-only, single-threaded.
class SafetensorsWriter {
 public:
  /// Creates or replaces the file and writes its header. `tensors` is also the order of the data. Errors: io.
  static Result<SafetensorsWriter> create(const std::filesystem::path& path, std::span<const TensorSpec> tensors);

  /// Appends data of the tensors in order, in pieces of any size. Errors: io (disk full), internal when more is
  /// written than the tensors hold.
  Result<void> write(std::span<const std::byte> data);

  /// Closes the file. Errors: io, internal when data is missing.
  Result<void> finish();

 private:
  SafetensorsWriter() = default;
  std::filesystem::path path_;
  std::ofstream file_;
  std::uint64_t left_ = 0;  ///< bytes still to come
};

}  // namespace baton::model
