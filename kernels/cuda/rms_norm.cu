#include <cuda_bf16.h>

#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.h"

namespace baton::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarp = 32;

/// Sum over the block, given to every thread. Called once in a kernel: the shared memory is not guarded for reuse.
__device__ float block_sum(float value) {
  __shared__ float partial[kThreads / kWarp];
  for (int offset = kWarp / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(0xFFFFFFFFU, value, offset);
  if (threadIdx.x % kWarp == 0) partial[threadIdx.x / kWarp] = value;
  __syncthreads();
  float sum = 0.0F;
  for (int i = 0; i < kThreads / kWarp; ++i) sum += partial[i];
  return sum;
}

/// One block a row. Each thread reads back only the elements it wrote, so y may be x.
__global__ void rms_norm_kernel(const __nv_bfloat16* x, __nv_bfloat16* residual, const __nv_bfloat16* weight,
                                __nv_bfloat16* y, std::int64_t width, float eps) {
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * width;
  float squares = 0.0F;
  for (std::int64_t i = threadIdx.x; i < width; i += kThreads) {
    float value = __bfloat162float(x[begin + i]);
    if (residual != nullptr) {
      const __nv_bfloat16 sum = __float2bfloat16(value + __bfloat162float(residual[begin + i]));
      residual[begin + i] = sum;
      value = __bfloat162float(sum);
    }
    squares += value * value;
  }
  const float scale = rsqrtf(block_sum(squares) / static_cast<float>(width) + eps);
  const __nv_bfloat16* from = residual != nullptr ? residual : x;
  for (std::int64_t i = threadIdx.x; i < width; i += kThreads) {
    y[begin + i] = __float2bfloat16(__bfloat162float(from[begin + i]) * scale * __bfloat162float(weight[i]));
  }
}

}  // namespace

const char* rms_norm(const BatonCudaRmsNorm* args, void* stream) {
  if (args->rows < 0 || args->rows > kMaxGridX || args->width < 1) return "rms_norm: rows or width out of range";
  if (args->rows == 0) return nullptr;
  rms_norm_kernel<<<static_cast<unsigned>(args->rows), kThreads, 0, as_stream(stream)>>>(
      static_cast<const __nv_bfloat16*>(args->x), static_cast<__nv_bfloat16*>(args->residual),
      static_cast<const __nv_bfloat16*>(args->weight), static_cast<__nv_bfloat16*>(args->y), args->width, args->eps);
  return launch_error();
}

}  // namespace baton::cuda
