#pragma once

#include "kernels/cpu/kernels.h"

namespace baton::kernels {

// Activations are laid out as tiles: [rows/16][k/32][16][32].
std::size_t prepared_bytes_amx(std::int64_t rows, std::int64_t k);
void prepare_rows_amx(const Bf16* x, std::int64_t stride, std::int64_t k_valid, std::int64_t k, std::int64_t begin,
                      std::int64_t end, std::byte* out);
void gemm_bf16_amx(const GemmTask& task);

}  // namespace baton::kernels
