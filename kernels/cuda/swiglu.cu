#include <cuda_bf16.h>

#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.h"

namespace baton::cuda {
namespace {

constexpr int kThreads = 256;

__global__ void swiglu_kernel(const __nv_bfloat16* gate_up, __nv_bfloat16* y, std::int64_t width) {
  const std::int64_t row = blockIdx.x;
  const __nv_bfloat16* gate = gate_up + row * 2 * width;
  for (std::int64_t i = threadIdx.x; i < width; i += kThreads) {
    const float g = __bfloat162float(gate[i]);
    const float silu = g / (1.0F + expf(-g));
    y[row * width + i] = __float2bfloat16(silu * __bfloat162float(gate[width + i]));
  }
}

}  // namespace

const char* swiglu(const BatonCudaSwiglu* args, void* stream) {
  if (args->rows < 0 || args->rows > kMaxGridX || args->width < 1) return "swiglu: rows or width out of range";
  if (args->rows == 0) return nullptr;
  swiglu_kernel<<<static_cast<unsigned>(args->rows), kThreads, 0, as_stream(stream)>>>(
      static_cast<const __nv_bfloat16*>(args->gate_up), static_cast<__nv_bfloat16*>(args->y), args->width);
  return launch_error();
}

}  // namespace baton::cuda
