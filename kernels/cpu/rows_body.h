// Row-wise operations: norm, residual, SwiGLU, RoPE with the KV write. Included only by the kernels_*.cc files.
#pragma once

#include <cmath>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/vec.h"

namespace baton::kernels {
namespace {

template <class T>
void rms_norm(const void* x, const float* weight, float eps, std::int64_t n, void* out) {
  const T* const in = static_cast<const T*>(x);
  T* const to = static_cast<T*>(out);
  Vec squares{};
  for_each_vec(n, [&](std::int64_t i, auto load_at, auto) {
    const Vec v = load_at(in + i);
    squares += v * v;
  });
  const Vec scale = splat(1.0F / std::sqrt(sum(squares) / static_cast<float>(n) + eps));
  for_each_vec(n, [&](std::int64_t i, auto load_at, auto store_at) {
    store_at(to + i, round_to<T>(load_at(in + i) * scale) * load_at(weight + i));
  });
}

template <class T>
void add(void* x, const void* delta, std::int64_t n) {
  T* const to = static_cast<T*>(x);
  const T* const from = static_cast<const T*>(delta);
  for_each_vec(n, [&](std::int64_t i, auto load_at, auto store_at) { store_at(to + i, load_at(to + i) + load_at(from + i)); });
}

template <class T>
void swiglu(const void* gate, const void* up, std::int64_t n, void* out) {
  const T* const g = static_cast<const T*>(gate);
  const T* const u = static_cast<const T*>(up);
  T* const to = static_cast<T*>(out);
  for_each_vec(n, [&](std::int64_t i, auto load_at, auto store_at) {
    const Vec x = load_at(g + i);
    store_at(to + i, round_to<T>(x / (1.0F + exp(-x))) * load_at(u + i));
  });
}

/// Rotates the pairs (i, i + head_dim/2) of one head in place; bf16 products and sums round as Hugging Face's do.
template <class T>
void rope(T* head, const RopeTask& task) {
  const std::int64_t half = task.head_dim / 2;
  for_each_vec(half, [&](std::int64_t i, auto load_at, auto store_at) {
    const Vec a = load_at(head + i);
    const Vec b = load_at(head + half + i);
    const Vec c = round_to<T>(load_at(task.cos + i));
    const Vec s = round_to<T>(load_at(task.sin + i));
    store_at(head + i, round_to<T>(a * c) - round_to<T>(b * s));
    store_at(head + half + i, round_to<T>(b * c) + round_to<T>(a * s));
  });
}

template <class T, class Kv>
void store_kv(const T* head, std::int64_t n, std::byte* to) {
  Kv* const out = reinterpret_cast<Kv*>(to);
  for_each_vec(n, [&](std::int64_t i, auto load_at, auto store_at) { store_at(out + i, load_at(head + i)); });
}

template <class T, class Kv>
void rope_store_as(const RopeTask& task) {
  T* const q = static_cast<T*>(task.qkv);
  T* const k = q + std::int64_t{task.heads} * task.head_dim;
  T* const v = k + std::int64_t{task.kv_heads} * task.head_dim;
  const std::size_t token_bytes = static_cast<std::size_t>(task.head_dim) * sizeof(Kv);
  const std::size_t run_bytes = token_bytes * static_cast<std::size_t>(task.block_tokens);
  const auto place = [&](int which, std::int32_t head) {
    const auto run = static_cast<std::size_t>(which * task.kv_heads + head);
    return task.slab + run * run_bytes + static_cast<std::size_t>(task.slot) * token_bytes;
  };
  for (std::int32_t h = 0; h < task.heads; ++h) {
    T* const head = q + std::int64_t{h} * task.head_dim;
    if (task.q_norm != nullptr) rms_norm<T>(head, task.q_norm, task.eps, task.head_dim, head);
    rope(head, task);
  }
  for (std::int32_t h = 0; h < task.kv_heads; ++h) {
    T* const head = k + std::int64_t{h} * task.head_dim;
    if (task.k_norm != nullptr) rms_norm<T>(head, task.k_norm, task.eps, task.head_dim, head);
    rope(head, task);
    store_kv<T, Kv>(head, task.head_dim, place(0, h));
    store_kv<T, Kv>(v + std::int64_t{h} * task.head_dim, task.head_dim, place(1, h));
  }
}

template <class T>
void rope_store(const RopeTask& task) {
  if (task.kv_dtype == DType::f32) return rope_store_as<T, float>(task);
  rope_store_as<T, Bf16>(task);
}

}  // namespace
}  // namespace baton::kernels
