#include "engine/graph.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace baton::engine {

using kernels::Bf16;
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
      qkv_width_(q_width_ + 2 * std::int64_t{description_.kv_heads} * description_.head_dim),
      active_width_(PackedMatrix::gated_rows(description_.intermediate) / 2) {}

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
  std::size_t wanted = 0;
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
    if (const std::int32_t last = sequence.want_logits; last > 0) {
      last_rows_.push_back(AttentionSequence{first_row + rows - last, last, sequence.start + rows - last, sequence.blocks});
      wanted += static_cast<std::size_t>(last);
    }
  }
  rope_.grow(positions);
  rows_ = static_cast<std::int64_t>(places_.size());
  const auto room = [&](Buffer& buffer, std::int64_t width, std::size_t element_bytes) {
    buffer.reserve(static_cast<std::size_t>(rows_ * width) * element_bytes);
  };
  room(hidden_, description_.hidden, sizeof(float));
  room(normed_, description_.hidden, element_bytes_);
  room(qkv_, qkv_width_, sizeof(float));
  room(q_, q_width_, element_bytes_);
  room(attended_, q_width_, element_bytes_);
  room(active_, active_width_, element_bytes_);
  logits_.reserve(wanted * static_cast<std::size_t>(description_.vocab) * sizeof(float));
}

void Graph::embed(std::span<const SequenceRows> sequences) {
  const std::int64_t width = description_.hidden;
  float* to = hidden_.as<float>();
  for (const SequenceRows& sequence : sequences) {
    for (const TokenId token : sequence.tokens) {
      const std::int64_t from = token * width;
      if (weights_.dtype == DType::f32) {
        to = std::copy_n(weights_.embed.as<float>() + from, width, to);
      } else {
        to = std::transform(weights_.embed.as<Bf16>() + from, weights_.embed.as<Bf16>() + from + width, to,
                            [](Bf16 value) { return kernels::to_float(value); });
      }
    }
  }
}

void Graph::norm(const std::vector<float>& weight) {
  const std::int64_t width = description_.hidden;
  const auto eps = static_cast<float>(description_.rms_eps);
  const auto rms_norm = device_.rows(weights_.dtype).rms_norm;
  for_rows(device_, rows_, [&](std::int64_t r) {
    rms_norm(hidden_.as<float>() + r * width, weight.data(), eps, width, element_row(normed_, r, width));
  });
}

void Graph::project_and_store_kv(KvPoolView pool, std::int32_t index) {
  const GraphLayer& layer = weights_.layers[static_cast<std::size_t>(index)];
  norm(layer.input_norm);
  gemm(device_, layer.qkv, GemmArgs{.x = normed_.data(), .rows = rows_, .x_stride = description_.hidden, .y = qkv_.data(),
                                    .y_stride = qkv_width_, .bias = data_or_null(layer.qkv_bias)});
  const auto rope_store = device_.rows(weights_.dtype).rope_store;
  for_rows(device_, rows_, [&](std::int64_t r) {
    const RowPlace& place = places_[static_cast<std::size_t>(r)];
    rope_store(kernels::RopeTask{.qkv = qkv_.as<float>() + r * qkv_width_,
                                 .q = element_row(q_, r, q_width_),
                                 .heads = description_.heads,
                                 .kv_heads = description_.kv_heads,
                                 .head_dim = description_.head_dim,
                                 .cos = rope_.cos(place.position),
                                 .sin = rope_.sin(place.position),
                                 .q_norm = data_or_null(layer.q_norm),
                                 .k_norm = data_or_null(layer.k_norm),
                                 .eps = static_cast<float>(description_.rms_eps),
                                 .slab = pool.slab(index, place.block),
                                 .block_tokens = pool.layout.block_tokens,
                                 .slot = place.slot,
                                 .kv_dtype = pool.layout.dtype});
  });
}

void Graph::attend(KvPoolView pool, std::int32_t layer, std::span<const AttentionSequence> sequences) {
  kernels::attention(device_, AttentionParams{.q = q_.data(),
                                              .out = attended_.data(),
                                              .q_stride = q_width_,
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
  const std::size_t hidden_bytes = static_cast<std::size_t>(description_.hidden) * sizeof(float);
  const std::size_t attended_bytes = static_cast<std::size_t>(q_width_) * element_bytes_;
  std::size_t to = 0;
  for (const AttentionSequence& last : last_rows_) {
    const auto from = static_cast<std::size_t>(last.first_row);
    const auto count = static_cast<std::size_t>(last.rows);
    std::memmove(hidden_.data() + to * hidden_bytes, hidden_.data() + from * hidden_bytes, count * hidden_bytes);
    std::memmove(attended_.data() + to * attended_bytes, attended_.data() + from * attended_bytes, count * attended_bytes);
    to += count;
  }
  rows_ = static_cast<std::int64_t>(to);
}

void Graph::finish_layer(const GraphLayer& layer) {
  const std::int64_t width = description_.hidden;
  gemm(device_, layer.o, GemmArgs{.x = attended_.data(), .rows = rows_, .x_stride = q_width_, .y = hidden_.data(),
                                  .y_stride = width, .store = Store::add});
  norm(layer.post_attention_norm);
  gemm(device_, layer.gate_up, GemmArgs{.x = normed_.data(), .rows = rows_, .x_stride = width, .y = active_.data(),
                                        .y_stride = active_width_,
                                        .store = weights_.dtype == DType::f32 ? Store::gated_f32 : Store::gated_bf16});
  gemm(device_, layer.down, GemmArgs{.x = active_.data(), .rows = rows_, .x_stride = active_width_, .y = hidden_.data(),
                                     .y_stride = width, .store = Store::add});
}

std::span<const float> Graph::logits() {
  norm(weights_.final_norm);
  gemm(device_, weights_.lm_head, GemmArgs{.x = normed_.data(), .rows = rows_, .x_stride = description_.hidden,
                                           .y = logits_.data(), .y_stride = description_.vocab});
  return {logits_.as<float>(), static_cast<std::size_t>(rows_) * static_cast<std::size_t>(description_.vocab)};
}

}  // namespace baton::engine
