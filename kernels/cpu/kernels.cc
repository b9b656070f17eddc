#include "kernels/cpu/kernels.h"

#include "kernels/cpu/tables.h"

namespace baton::kernels {

const KernelTable& kernel_table(Isa isa) {
#if defined(__x86_64__)
  switch (isa) {
    case Isa::portable: return table_portable();
    case Isa::avx2: return table_avx2();
    case Isa::avx512: return table_avx512();
    case Isa::amx: return table_amx();
  }
#endif
  return table_portable();
}

}  // namespace baton::kernels
