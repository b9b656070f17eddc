#include "kernels/cpu/attention_amx.h"
#include "kernels/cpu/attention_body.h"
#include "kernels/cpu/gemm_amx.h"
#include "kernels/cpu/gemm_body.h"
#include "kernels/cpu/rows_body.h"
#include "kernels/cpu/tables.h"

namespace baton::kernels {
namespace {

/// The choice depends on the model alone, never on the batch.
void attention_bf16(const AttentionTask& task) {
  if (amx_attention_fits(*task.params)) return attention_bf16_amx(task);
  attention<Bf16>(task);
}

}  // namespace

const KernelTable& table_amx() {
  static constexpr KernelTable kTable{
      Isa::amx, gemm<false>, gemm_bf16_amx, prepared_bytes_amx, prepare_rows_amx,
      RowKernels{rms_norm<float>, rope_store<float>, attention<float>},
      RowKernels{rms_norm<Bf16>, rope_store<Bf16>, attention_bf16}};
  return kTable;
}

}  // namespace baton::kernels
