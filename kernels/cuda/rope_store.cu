#include <cuda_bf16.h>

#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.h"

namespace baton::cuda {
namespace {

constexpr int kThreads = 64;

/// Where head `h` of the k and v heads keeps its elements of the token in `slot`; null: the slot is not in the pool.
__device__ __nv_bfloat16* pool_place(const BatonCudaRopeStore& args, std::int64_t slot, std::int64_t h) {
  if (slot < 0 || slot >= std::int64_t{args.blocks} * args.block_tokens) return nullptr;
  const std::int64_t block = std::int64_t{args.layer} * args.blocks + slot / args.block_tokens;
  const std::int64_t run = block * 2 * args.kv_heads + h;
  return static_cast<__nv_bfloat16*>(args.pool) + (run * args.block_tokens + slot % args.block_tokens) * args.head_dim;
}

/// One block a head of a row: q heads, then k heads, then v heads.
__global__ void rope_store_kernel(const BatonCudaRopeStore args) {
  const std::int64_t row = blockIdx.x;
  const std::int64_t h = blockIdx.y;
  const std::int64_t half = args.head_dim / 2;
  const bool is_q = h < args.heads;
  const bool is_v = h >= std::int64_t{args.heads} + args.kv_heads;
  const auto* from =
      static_cast<const __nv_bfloat16*>(args.qkv) + (row * static_cast<std::int64_t>(gridDim.y) + h) * args.head_dim;
  __nv_bfloat16* to = is_q ? static_cast<__nv_bfloat16*>(args.q) + (row * args.heads + h) * args.head_dim
                           : pool_place(args, args.slots[row], h - args.heads);
  if (to == nullptr) return;
  for (std::int64_t i = threadIdx.x; i < half; i += kThreads) {
    if (is_v) {
      to[i] = from[i];
      to[half + i] = from[half + i];
      continue;
    }
    const float a = __bfloat162float(from[i]);
    const float b = __bfloat162float(from[half + i]);
    const float c = args.cos[row * half + i];
    const float s = args.sin[row * half + i];
    to[i] = __float2bfloat16(a * c - b * s);
    to[half + i] = __float2bfloat16(b * c + a * s);
  }
}

}  // namespace

const char* rope_store(const BatonCudaRopeStore* args, void* stream) {
  if (args->rows < 0 || args->rows > kMaxGridX) return "rope_store: rows out of range";
  if (args->heads < 0 || args->kv_heads < 1 || args->head_dim < 2 || args->head_dim % 2 != 0 || args->layer < 0 ||
      args->blocks < 0 || args->block_tokens < 1) {
    return "rope_store: a dimension is out of range";
  }
  const std::int64_t all_heads = std::int64_t{args->heads} + 2 * std::int64_t{args->kv_heads};
  if (all_heads > kMaxGridY) return "rope_store: too many heads";
  if (args->rows == 0) return nullptr;
  const dim3 grid(static_cast<unsigned>(args->rows), static_cast<unsigned>(all_heads));
  rope_store_kernel<<<grid, kThreads, 0, as_stream(stream)>>>(*args);
  return launch_error();
}

}  // namespace baton::cuda
