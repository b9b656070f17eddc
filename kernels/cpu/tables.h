#pragma once

#include "kernels/cpu/kernels.h"

namespace baton::kernels {

// One per kernels_*.cc file; only kernel_table() may call them, after isa_supported().
const KernelTable& table_portable();
const KernelTable& table_avx2();
const KernelTable& table_avx512();
const KernelTable& table_amx();

}  // namespace baton::kernels
