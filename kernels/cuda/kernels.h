#pragma once

#include "baton/cuda_plugin.h"

namespace baton::cuda {

// The table's kernels (baton/cuda_plugin.h), one .cu file each.
const char* rms_norm(const BatonCudaRmsNorm* args, void* stream);
const char* swiglu(const BatonCudaSwiglu* args, void* stream);
const char* embedding(const BatonCudaEmbedding* args, void* stream);
const char* rope_store(const BatonCudaRopeStore* args, void* stream);

}  // namespace baton::cuda
