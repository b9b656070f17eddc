#pragma once

#include "kernels/cpu/kernels.h"

namespace baton::kernels {

/// Whether attention_bf16_amx can do it: bf16 queries and KV, head_dim a multiple of 32, blocks of a multiple of 16 tokens.
bool amx_attention_fits(const AttentionParams& params);
void attention_bf16_amx(const AttentionTask& task);

}  // namespace baton::kernels
