#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "baton/types.h"

namespace baton::model {

/// Element types a safetensors file may hold.
enum class TensorType : std::uint8_t {
  boolean,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  i64,
  u64,
  f64
};

/// Name in the file, e.g. "BF16".
std::string_view tensor_type_name(TensorType type);
std::optional<TensorType> tensor_type_from_name(std::string_view name);
std::size_t tensor_type_bytes(TensorType type);
/// The engine's name of an element type, where it has one.
std::optional<DType> to_dtype(TensorType type);

/// A tensor inside a mapped file, row-major. Non-owning: valid while the Checkpoint (or MappedFile) lives. `data` has
/// the alignment the file gives it, which old files do not round to the element size.
struct TensorView {
  std::string name;
  TensorType type = TensorType::bf16;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;

  /// False for an optional tensor the model does not have.
  bool present() const { return !name.empty(); }
};

/// "[2048, 512]"
std::string shape_text(std::span<const std::int64_t> shape);

}  // namespace baton::model
