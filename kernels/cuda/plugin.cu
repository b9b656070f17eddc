#include <cuda_runtime.h>

#include <cstdio>

#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.h"

namespace baton::cuda {
namespace {

const char* device_count(std::int32_t* count) {
  *count = 0;
  int found = 0;
  const cudaError_t error = cudaGetDeviceCount(&found);
  if (error != cudaSuccess) {
    cudaGetLastError();
    return cudaGetErrorString(error);
  }
  *count = found;
  return found > 0 ? nullptr : cudaGetErrorString(cudaErrorNoDevice);
}

const char* describe_device(std::int32_t index, BatonCudaDevice* device) {
  *device = BatonCudaDevice{};
  cudaDeviceProp properties{};
  const cudaError_t error = cudaGetDeviceProperties(&properties, index);
  if (error != cudaSuccess) {
    cudaGetLastError();
    return cudaGetErrorString(error);
  }
  std::snprintf(device->name, sizeof(device->name), "%s", properties.name);
  device->major = properties.major;
  device->minor = properties.minor;
  device->memory_bytes = properties.totalGlobalMem;
  return nullptr;
}

const char* stream_create(void** stream) {
  cudaStream_t created = nullptr;
  const cudaError_t error = cudaStreamCreateWithFlags(&created, cudaStreamNonBlocking);
  *stream = created;
  return error_text(error);
}

const char* stream_destroy(void* stream) { return error_text(cudaStreamDestroy(as_stream(stream))); }

const char* stream_synchronize(void* stream) { return error_text(cudaStreamSynchronize(as_stream(stream))); }

const char* allocate(std::size_t bytes, void** memory) {
  *memory = nullptr;
  return error_text(cudaMalloc(memory, bytes));
}

const char* release(void* memory) { return error_text(cudaFree(memory)); }

const char* copy(void* to, const void* from, std::size_t bytes, void* stream) {
  return error_text(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, as_stream(stream)));
}

constexpr BatonCudaPlugin kPlugin{
    sizeof(BatonCudaPlugin), kBatonCudaAbiVersion, device_count, describe_device, stream_create, stream_destroy,
    stream_synchronize,      allocate,             release,      copy,            rms_norm,      swiglu,
    embedding,               rope_store,
};

}  // namespace
}  // namespace baton::cuda

extern "C" __attribute__((visibility("default"))) const BatonCudaPlugin* baton_cuda_plugin() {
  return &baton::cuda::kPlugin;
}
