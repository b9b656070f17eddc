#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace baton::cuda {

/// Largest grid in x; rows beyond it are refused, not truncated.
inline constexpr std::int64_t kMaxGridX = 2147483647;
inline constexpr std::int64_t kMaxGridY = 65535;

/// Null for success, else the runtime's own text (static storage).
inline const char* error_text(cudaError_t error) {
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

/// What the launch just made said; clears it, so that a later call does not report it again.
inline const char* launch_error() { return error_text(cudaGetLastError()); }

inline cudaStream_t as_stream(void* stream) { return static_cast<cudaStream_t>(stream); }

}  // namespace baton::cuda
