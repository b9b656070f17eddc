#include "model/tensor.h"

#include <array>

namespace baton::model {
namespace {

struct TypeRow {
  TensorType type;
  std::string_view name;
  std::size_t bytes;
};

constexpr std::array kTypes{
    TypeRow{TensorType::boolean, "BOOL", 1},    TypeRow{TensorType::u8, "U8", 1},
    TypeRow{TensorType::i8, "I8", 1},           TypeRow{TensorType::f8_e5m2, "F8_E5M2", 1},
    TypeRow{TensorType::f8_e4m3, "F8_E4M3", 1}, TypeRow{TensorType::i16, "I16", 2},
    TypeRow{TensorType::u16, "U16", 2},         TypeRow{TensorType::f16, "F16", 2},
    TypeRow{TensorType::bf16, "BF16", 2},       TypeRow{TensorType::i32, "I32", 4},
    TypeRow{TensorType::u32, "U32", 4},         TypeRow{TensorType::f32, "F32", 4},
    TypeRow{TensorType::i64, "I64", 8},         TypeRow{TensorType::u64, "U64", 8},
    TypeRow{TensorType::f64, "F64", 8},
};

constexpr const TypeRow& row_of(TensorType type) {
  return kTypes[static_cast<std::size_t>(type)];
}

}  // namespace

std::string_view tensor_type_name(TensorType type) {
  return row_of(type).name;
}

std::size_t tensor_type_bytes(TensorType type) {
  return row_of(type).bytes;
}

std::optional<TensorType> tensor_type_from_name(std::string_view name) {
  for (const TypeRow& row : kTypes) {
    if (row.name == name) return row.type;
  }
  return std::nullopt;
}

std::optional<DType> to_dtype(TensorType type) {
  switch (type) {
    case TensorType::f32:
      return DType::f32;
    case TensorType::bf16:
      return DType::bf16;
    case TensorType::f16:
      return DType::f16;
    case TensorType::f8_e4m3:
      return DType::fp8_e4m3;
    case TensorType::i8:
      return DType::int8;
    default:
      return std::nullopt;
  }
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

}  // namespace baton::model
