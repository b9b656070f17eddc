#include "kernels/cpu/attention_body.h"
#include "kernels/cpu/gemm_body.h"
#include "kernels/cpu/rows_body.h"
#include "kernels/cpu/tables.h"

namespace baton::kernels {
namespace {

template <class T>
constexpr RowKernels row_kernels() {
  return RowKernels{rms_norm<T>, rope_store<T>, attention<T>};
}

}  // namespace

const KernelTable& table_avx2() {
  static constexpr KernelTable kTable{Isa::avx2,     gemm<false>, gemm<true>, widened_bytes, widen_rows,
                                      row_kernels<float>(), row_kernels<Bf16>()};
  return kTable;
}

}  // namespace baton::kernels
