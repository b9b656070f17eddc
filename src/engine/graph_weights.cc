#include "engine/graph_weights.h"

#include <cstring>
#include <initializer_list>

#include "kernels/cpu/float16.h"

namespace baton::engine {
namespace {

using kernels::PackedMatrix;
using kernels::ThreadPool;
using model::TensorView;

std::int64_t elements(const TensorView& view) {
  std::int64_t n = 1;
  for (const std::int64_t size : view.shape) n *= size;
  return n;
}

DType dtype_of(const TensorView& view) { return model::to_dtype(view.type).value_or(DType::f32); }

float element(const TensorView& view, std::int64_t index) {
  const DType dtype = dtype_of(view);
  const std::byte* const at = view.data.data() + static_cast<std::size_t>(index) * dtype_bits(dtype) / 8;
  if (dtype == DType::f32) {
    float value = 0.0F;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  std::uint16_t bits = 0;
  std::memcpy(&bits, at, sizeof bits);
  return dtype == DType::f16 ? kernels::half_to_float(bits) : kernels::to_float(kernels::Bf16{bits});
}

/// Values as the compute type holds them, joined; absent views add nothing.
std::vector<float> values(DType dtype, std::initializer_list<const TensorView*> views) {
  std::vector<float> result;
  for (const TensorView* view : views) {
    if (!view->present()) continue;
    for (std::int64_t i = 0; i < elements(*view); ++i) {
      const float value = element(*view, i);
      result.push_back(dtype == DType::bf16 ? kernels::to_float(kernels::to_bf16(value)) : value);
    }
  }
  return result;
}

kernels::WeightRows weight_rows(const TensorView& view) {
  return kernels::WeightRows{view.data.data(), dtype_of(view), view.shape[0]};
}

/// Matrices of one input, stacked along their outputs.
PackedMatrix stacked(DType dtype, ThreadPool& pool, std::initializer_list<const TensorView*> views) {
  std::int64_t rows = 0;
  for (const TensorView* view : views) rows += view->shape[0];
  PackedMatrix matrix(dtype, rows, (*views.begin())->shape[1]);
  std::int64_t begin = 0;
  for (const TensorView* view : views) {
    matrix.set_rows(begin, weight_rows(*view), pool);
    begin += view->shape[0];
  }
  return matrix;
}

PackedMatrix gated(DType dtype, ThreadPool& pool, const TensorView& gate, const TensorView& up) {
  PackedMatrix matrix(dtype, PackedMatrix::gated_rows(gate.shape[0]), gate.shape[1]);
  matrix.set_gated_rows(weight_rows(gate), weight_rows(up), pool);
  return matrix;
}

/// The embedding table, row-major, in the compute type.
kernels::Buffer table(DType dtype, ThreadPool& pool, const TensorView& view) {
  const std::int64_t rows = view.shape[0];
  const std::int64_t width = view.shape[1];
  kernels::Buffer buffer(static_cast<std::size_t>(rows * width) * dtype_bits(dtype) / 8);
  if (dtype_of(view) == dtype) {
    std::memcpy(buffer.data(), view.data.data(), view.data.size());
    return buffer;
  }
  pool.parallel_for(static_cast<std::int32_t>(rows), [&](std::int32_t row, int) {
    for (std::int64_t i = row * width; i < (row + 1) * width; ++i) {
      const float value = element(view, i);
      if (dtype == DType::f32) {
        buffer.as<float>()[i] = value;
      } else {
        buffer.as<kernels::Bf16>()[i] = kernels::to_bf16(value);
      }
    }
  });
  return buffer;
}

}  // namespace

GraphWeights pack_weights(const model::ModelDescription& description, const model::LlamaWeights& weights, DType dtype,
                          ThreadPool& pool) {
  GraphWeights graph;
  graph.dtype = dtype;
  graph.embed = table(dtype, pool, weights.embed);
  graph.layers.reserve(static_cast<std::size_t>(description.layers));
  for (const model::LayerWeights& layer : weights.layers) {
    graph.layers.push_back(GraphLayer{
        .input_norm = values(dtype, {&layer.input_norm}),
        .qkv = stacked(dtype, pool, {&layer.q, &layer.k, &layer.v}),
        .qkv_bias = values(dtype, {&layer.q_bias, &layer.k_bias, &layer.v_bias}),
        .q_norm = values(dtype, {&layer.q_norm}),
        .k_norm = values(dtype, {&layer.k_norm}),
        .o = stacked(dtype, pool, {&layer.o}),
        .post_attention_norm = values(dtype, {&layer.post_attention_norm}),
        .gate_up = gated(dtype, pool, layer.gate, layer.up),
        .down = stacked(dtype, pool, {&layer.down}),
    });
  }
  graph.final_norm = values(dtype, {&weights.final_norm});
  graph.lm_head = stacked(dtype, pool, {&weights.lm_head});
  return graph;
}

}  // namespace baton::engine
