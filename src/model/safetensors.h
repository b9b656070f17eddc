#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "baton/error.h"
#include "model/tensor.h"

namespace baton::model {

/// Limits of a safetensors header; the first is the format's own.
inline constexpr std::uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;
inline constexpr std::size_t kMaxTensorRank = 8;

/// Reads the header of a safetensors file (8-byte little-endian length, JSON, data) that lies in `file` as a whole and
/// returns one view a tensor, in order of their data. Every offset, shape and size is checked: the tensors must cover
/// the data exactly, without gap or overlap. `file_name` goes into error messages. Errors: corrupt_file.
Result<std::vector<TensorView>> read_safetensors(std::span<const std::byte> file, std::string_view file_name);

/// The header's JSON text (without the length word), for hashing. Errors: corrupt_file.
Result<std::span<const std::byte>> safetensors_header_bytes(std::span<const std::byte> file,
                                                            std::string_view file_name);

}  // namespace baton::model
