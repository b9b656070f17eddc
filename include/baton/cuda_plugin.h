#pragma once

#include <cstddef>
#include <cstdint>

/// The C interface of libbaton_cuda.so, which is loaded at run time so that one program serves machines with and without
/// a GPU. Every function returns null, or a message that stays valid for the life of the process. Unless said
/// otherwise, pointers are device memory, arrays are dense, a `stream` is one of stream_create (null: the default
/// stream), launches are asynchronous, work on no rows succeeds, and inputs and outputs do not overlap. Functions act on
/// the calling thread's current device; any thread may call them.
extern "C" {

/// Grows with every change that is not an addition at the end of BatonCudaPlugin.
inline constexpr std::uint32_t kBatonCudaAbiVersion = 1;

struct BatonCudaDevice {
  char name[256];  ///< ends with a zero
  std::int32_t major;  ///< compute capability
  std::int32_t minor;
  std::uint64_t memory_bytes;
};

/// y = x / sqrt(mean(x²) + eps) · weight for each row, summed in float32.
struct BatonCudaRmsNorm {
  const void* x;       ///< bf16 [rows][width]
  void* residual;      ///< bf16 [rows][width] or null; becomes residual + x, and that sum (in bf16) is what is normed
  const void* weight;  ///< bf16 [width]
  void* y;             ///< bf16 [rows][width]; may be x
  std::int64_t rows;
  std::int64_t width;
  float eps;
};

/// y = silu(gate) · up.
struct BatonCudaSwiglu {
  const void* gate_up;  ///< bf16 [rows][2][width], gate first
  void* y;              ///< bf16 [rows][width]
  std::int64_t rows;
  std::int64_t width;
};

/// y[i] = table[tokens[i]]; a token outside the table gives a row of zeros.
struct BatonCudaEmbedding {
  const std::int32_t* tokens;  ///< [rows]
  const void* table;           ///< bf16 [vocabulary][width]
  void* y;                     ///< bf16 [rows][width]
  std::int64_t rows;
  std::int64_t vocabulary;
  std::int64_t width;
};

/// Rotates q and k (element i with element i + head_dim / 2) and stores k and v in the paged pool of KvLayout,
/// [layer][block][k|v][kv_head][token][head_dim].
struct BatonCudaRopeStore {
  const void* qkv;            ///< bf16 [rows][heads + 2 · kv_heads][head_dim]: q, k, v
  const float* cos;           ///< [rows][head_dim / 2], of each row's position
  const float* sin;           ///< as cos
  const std::int64_t* slots;  ///< [rows]: block · block_tokens + place in the block; outside the pool: not stored
  void* q;                    ///< bf16 [rows][heads][head_dim]
  void* pool;                 ///< bf16, the whole pool
  std::int64_t rows;
  std::int32_t heads;
  std::int32_t kv_heads;
  std::int32_t head_dim;  ///< even
  std::int32_t layer;
  std::int32_t blocks;
  std::int32_t block_tokens;
};

struct BatonCudaPlugin {
  std::uint32_t struct_size;  ///< sizeof(BatonCudaPlugin) where the plugin was built
  std::uint32_t abi_version;  ///< kBatonCudaAbiVersion where the plugin was built

  /// Host memory receives the answer. No device, or no driver, is an error that says so.
  const char* (*device_count)(std::int32_t* count);
  const char* (*describe_device)(std::int32_t index, BatonCudaDevice* device);

  const char* (*stream_create)(void** stream);
  const char* (*stream_destroy)(void* stream);
  /// Waits for the stream's work and returns the first error of it.
  const char* (*stream_synchronize)(void* stream);
  const char* (*allocate)(std::size_t bytes, void** memory);
  const char* (*release)(void* memory);
  /// Between any of host and device memory; both must live until the stream got there.
  const char* (*copy)(void* to, const void* from, std::size_t bytes, void* stream);

  const char* (*rms_norm)(const BatonCudaRmsNorm* args, void* stream);
  const char* (*swiglu)(const BatonCudaSwiglu* args, void* stream);
  const char* (*embedding)(const BatonCudaEmbedding* args, void* stream);
  const char* (*rope_store)(const BatonCudaRopeStore* args, void* stream);
};

/// The one symbol the plugin exports, and its type.
inline constexpr const char* kBatonCudaPluginSymbol = "baton_cuda_plugin";
using BatonCudaPluginFunction = const BatonCudaPlugin*();
}
