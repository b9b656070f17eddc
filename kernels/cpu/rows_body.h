// Row-wise operations: norm, RoPE with the KV write. Included only by the kernels_*.cc files.
#pragma once

#include <cmath>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/vec.h"

namespace baton::kernels {
namespace {

template <class T>
void rms_norm(const float* x, const float* weight, float eps, std::int64_t n, void* out) {
  T* const to = static_cast<T*>(out);
  Vec squares{};
  for_each_vec(n, [&](std::int64_t i, auto load_at, auto) {
    const Vec v = load_at(x + i);
    squares += v * v;
  });
  const Vec scale = splat(1.0F / std::sqrt(sum(squares) / static_cast<float>(n) + eps));
  for_each_vec(n, [&](std::int64_t i, auto load_at, auto store_at) {
    store_at(to + i, load_at(x + i) * scale * load_at(weight + i));
  });
}

/// Rotates the pairs (i, i + head_dim/2) of one head.
template <class T>
void rope(const float* head, const RopeTask& task, T* out) {
  const std::int64_t half = task.head_dim / 2;
  for_each_vec(half, [&](std::int64_t i, auto load_at, auto store_at) {
    const Vec a = load_at(head + i);
    const Vec b = load_at(head + half + i);
    const Vec c = load_at(task.cos + i);
    const Vec s = load_at(task.sin + i);
    store_at(out + i, a * c - b * s);
    store_at(out + half + i, b * c + a * s);
  });
}

template <class T, class Kv>
void rope_store_as(const RopeTask& task) {
  float* const k = task.qkv + std::int64_t{task.heads} * task.head_dim;
  const float* const v = k + std::int64_t{task.kv_heads} * task.head_dim;
  const std::int64_t run = std::int64_t{task.block_tokens} * task.head_dim;
  Kv* const token = reinterpret_cast<Kv*>(task.slab) + std::int64_t{task.slot} * task.head_dim;
  for (std::int64_t h = 0; h < task.heads; ++h) {
    float* const head = task.qkv + h * task.head_dim;
    if (task.q_norm != nullptr) rms_norm<float>(head, task.q_norm, task.eps, task.head_dim, head);
    rope(head, task, static_cast<T*>(task.q) + h * task.head_dim);
  }
  for (std::int64_t h = 0; h < task.kv_heads; ++h) {
    float* const head = k + h * task.head_dim;
    if (task.k_norm != nullptr) rms_norm<float>(head, task.k_norm, task.eps, task.head_dim, head);
    rope(head, task, token + h * run);
    Kv* const to = token + (task.kv_heads + h) * run;
    const float* const from = v + h * task.head_dim;
    for_each_vec(task.head_dim, [&](std::int64_t i, auto load_at, auto store_at) { store_at(to + i, load_at(from + i)); });
  }
}

template <class T>
void rope_store(const RopeTask& task) {
  if (task.kv_dtype == DType::f32) return rope_store_as<T, float>(task);
  rope_store_as<T, Bf16>(task);
}

}  // namespace
}  // namespace baton::kernels
