#include <cuda_bf16.h>

#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.h"

namespace baton::cuda {
namespace {

constexpr int kThreads = 256;

__global__ void embedding_kernel(const std::int32_t* tokens, const __nv_bfloat16* table, __nv_bfloat16* y,
                                 std::int64_t vocabulary, std::int64_t width) {
  const std::int64_t row = blockIdx.x;
  const std::int64_t token = tokens[row];
  const bool is_known = token >= 0 && token < vocabulary;
  for (std::int64_t i = threadIdx.x; i < width; i += kThreads) {
    y[row * width + i] = is_known ? table[token * width + i] : __float2bfloat16(0.0F);
  }
}

}  // namespace

const char* embedding(const BatonCudaEmbedding* args, void* stream) {
  if (args->rows < 0 || args->rows > kMaxGridX || args->width < 1) return "embedding: rows or width out of range";
  if (args->rows == 0) return nullptr;
  embedding_kernel<<<static_cast<unsigned>(args->rows), kThreads, 0, as_stream(stream)>>>(
      args->tokens, static_cast<const __nv_bfloat16*>(args->table), static_cast<__nv_bfloat16*>(args->y),
      args->vocabulary, args->width);
  return launch_error();
}

}  // namespace baton::cuda
