#include "kernels/cpu/attention_body.h"
#include "kernels/cpu/gemm_amx.h"
#include "kernels/cpu/gemm_body.h"
#include "kernels/cpu/rows_body.h"
#include "kernels/cpu/tables.h"

namespace baton::kernels {
namespace {

template <class T>
constexpr RowKernels row_kernels() {
  return RowKernels{rms_norm<T>, add<T>, swiglu<T>, rope_store<T>, attention<T>};
}

}  // namespace

const KernelTable& table_amx() {
  static constexpr KernelTable kTable{Isa::amx,     gemm<false>, gemm_bf16_amx, prepared_bytes_amx, prepare_rows_amx,
                                      row_kernels<float>(), row_kernels<Bf16>()};
  return kTable;
}

}  // namespace baton::kernels
