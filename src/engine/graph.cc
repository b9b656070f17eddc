#include "engine/graph.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace baton::engine {

using kernels::Buffer;
using kernels::for_rows;
using kernels::GemmArgs;
using kernels::PackedMatrix;
using kernels::Store;

namespace {

const float* data_or_null(const std::vector<float>& values) { return values.empty() ? nullptr : values.data(); }

}  // namespace

Graph::Graph(model::ModelDescription description, GraphWeights weights, kernels::CpuDevice& device)
    : description_(std::move(description)),
      weights_(std::move(weights)),
      device_(device),
      rope_(rope_frequencies(description_)),
      element_bytes_(dtype_bits(weights_.dtype) / 8),
      q_width_(std::int64_t{description_.heads} * description_.head_dim),
      kv_width_(std::int64_t{description_.kv_heads} * description_.head_dim) {}

std::span<const float> Graph::step(KvPoolView pool, std::span<const SequenceRows> sequences,
                                   const std::function<void(std::int32_t)>& layer_done) {
  place_rows(pool, sequences);
  embed(sequences);
  for (std::int32_t layer = 0; layer < description_.layers; ++layer) {
    project_and_store_kv(pool, layer);
    if (layer_done) layer_done(layer);
    const bool last = layer + 1 == description_.layers;
    attend(pool, layer, last ? last_rows_ : all_rows_);
    if (last) keep_last_rows();
    finish_layer(weights_.layers[static_cast<std::size_t>(layer)]);
  }
  return logits();
}

void Graph::place_rows(KvPoolView pool, std::span<const SequenceRows> sequences) {
  places_.clear();
  all_rows_.clear();
  last_rows_.clear();
  std::int32_t positions = 0;
  const std::int32_t block_tokens = pool.layout.block_tokens;
  for (const SequenceRows& sequence : sequences) {
    const auto first_row = static_cast<std::int64_t>(places_.size());
    const auto rows = static_cast<std::int32_t>(sequence.tokens.size());
    for (std::int32_t i = 0; i < rows; ++i) {
      const std::int32_t position = sequence.start + i;
      places_.push_back(RowPlace{position, sequence.blocks[static_cast<std::size_t>(position / block_tokens)], position % block_tokens});
    }
    positions = std::max(positions, sequence.start + rows);
    all_rows_.push_back(AttentionSequence{first_row, rows, sequence.start, sequence.blocks});
    if (sequence.want_logits) {
      last_rows_.push_back(AttentionSequence{first_row + rows - 1, 1, sequence.start + rows - 1, sequence.blocks});
    }
  }
  rope_.grow(positions);
  rows_ = static_cast<std::int64_t>(places_.size());
  const auto room = [&](Buffer& buffer, std::int64_t width) {
    buffer.reserve(static_cast<std::size_t>(rows_ * width) * element_bytes_);
  };
  room(hidden_, description_.hidden);
  room(normed_, description_.hidden);
  room(delta_, description_.hidden);
  room(qkv_, q_width_ + 2 * kv_width_);
  room(attended_, q_width_);
  room(gate_up_, 2 * std::int64_t{description_.intermediate});
  room(active_, description_.intermediate);
  logits_.reserve(last_rows_.size() * static_cast<std::size_t>(description_.vocab) * sizeof(float));
}

void Graph::embed(std::span<const SequenceRows> sequences) {
  const std::size_t row_bytes = static_cast<std::size_t>(description_.hidden) * element_bytes_;
  std::byte* to = hidden_.data();
  for (const SequenceRows& sequence : sequences) {
    for (const TokenId token : sequence.tokens) {
      std::memcpy(to, weights_.embed.data() + static_cast<std::size_t>(token) * row_bytes, row_bytes);
      to += row_bytes;
    }
  }
  delta_pending_ = false;
}

void Graph::multiply(const PackedMatrix& w, const Buffer& x, const Buffer& y, const float* bias) {
  gemm(device_, w, GemmArgs{.x = x.data(), .rows = rows_, .x_stride = w.k(), .y = y.data(), .y_stride = w.n(),
                            .store = weights_.dtype == DType::f32 ? Store::f32 : Store::bf16, .bias = bias});
}

void Graph::project_and_store_kv(KvPoolView pool, std::int32_t index) {
  const GraphLayer& layer = weights_.layers[static_cast<std::size_t>(index)];
  const kernels::RowKernels& ops = device_.rows(weights_.dtype);
  const auto eps = static_cast<float>(description_.rms_eps);
  const std::int64_t width = description_.hidden;
  for_rows(device_, rows_, [&](std::int64_t r) {
    if (delta_pending_) ops.add(row(hidden_, r, width), row(delta_, r, width), width);
    ops.rms_norm(row(hidden_, r, width), layer.input_norm.data(), eps, width, row(normed_, r, width));
  });
  multiply(layer.qkv, normed_, qkv_, data_or_null(layer.qkv_bias));
  for_rows(device_, rows_, [&](std::int64_t r) {
    const RowPlace& place = places_[static_cast<std::size_t>(r)];
    ops.rope_store(kernels::RopeTask{.qkv = row(qkv_, r, q_width_ + 2 * kv_width_),
                                     .heads = description_.heads,
                                     .kv_heads = description_.kv_heads,
                                     .head_dim = description_.head_dim,
                                     .cos = rope_.cos(place.position),
                                     .sin = rope_.sin(place.position),
                                     .q_norm = data_or_null(layer.q_norm),
                                     .k_norm = data_or_null(layer.k_norm),
                                     .eps = eps,
                                     .slab = pool.slab(index, place.block),
                                     .block_tokens = pool.layout.block_tokens,
                                     .slot = place.slot,
                                     .kv_dtype = pool.layout.dtype});
  });
}

void Graph::attend(KvPoolView pool, std::int32_t layer, std::span<const AttentionSequence> sequences) {
  kernels::attention(device_, AttentionParams{.q = qkv_.data(),
                                              .out = attended_.data(),
                                              .q_stride = q_width_ + 2 * kv_width_,
                                              .out_stride = q_width_,
                                              .dtype = weights_.dtype,
                                              .pool = pool,
                                              .layer = layer,
                                              .heads = description_.heads,
                                              .scale = 1.0F / std::sqrt(static_cast<float>(description_.head_dim)),
                                              .window = description_.sliding_window,
                                              .sequences = sequences});
}

void Graph::keep_last_rows() {
  const auto move_row = [&](const Buffer& buffer, std::int64_t width, std::int64_t to, std::int64_t from) {
    if (to != from) std::memcpy(row(buffer, to, width), row(buffer, from, width), static_cast<std::size_t>(width) * element_bytes_);
  };
  std::int64_t to = 0;
  for (const AttentionSequence& last : last_rows_) {
    move_row(hidden_, description_.hidden, to, last.first_row);
    move_row(attended_, q_width_, to, last.first_row);
    ++to;
  }
  rows_ = to;
}

void Graph::finish_layer(const GraphLayer& layer) {
  const kernels::RowKernels& ops = device_.rows(weights_.dtype);
  const std::int64_t width = description_.hidden;
  const std::int64_t inner = description_.intermediate;
  multiply(layer.o, attended_, delta_, nullptr);
  for_rows(device_, rows_, [&](std::int64_t r) {
    ops.add(row(hidden_, r, width), row(delta_, r, width), width);
    ops.rms_norm(row(hidden_, r, width), layer.post_attention_norm.data(), static_cast<float>(description_.rms_eps), width,
                 row(normed_, r, width));
  });
  multiply(layer.gate_up, normed_, gate_up_, nullptr);
  for_rows(device_, rows_, [&](std::int64_t r) {
    ops.swiglu(row(gate_up_, 2 * r, inner), row(gate_up_, 2 * r + 1, inner), inner, row(active_, r, inner));
  });
  multiply(layer.down, active_, delta_, nullptr);
  delta_pending_ = true;
}

std::span<const float> Graph::logits() {
  const kernels::RowKernels& ops = device_.rows(weights_.dtype);
  const std::int64_t width = description_.hidden;
  for_rows(device_, rows_, [&](std::int64_t r) {
    ops.add(row(hidden_, r, width), row(delta_, r, width), width);
    ops.rms_norm(row(hidden_, r, width), weights_.final_norm.data(), static_cast<float>(description_.rms_eps), width,
                 row(normed_, r, width));
  });
  // Hugging Face's bf16 logits are bf16 values, so equal logits there are equal here.
  const Store store = weights_.dtype == DType::f32 ? Store::f32 : Store::f32_rounded;
  gemm(device_, weights_.lm_head, GemmArgs{.x = normed_.data(), .rows = rows_, .x_stride = width, .y = logits_.data(),
                                           .y_stride = description_.vocab, .store = store});
  return {logits_.as<float>(), static_cast<std::size_t>(rows_) * static_cast<std::size_t>(description_.vocab)};
}

}  // namespace baton::engine
