#include "kernels/cpu/isa.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace baton::kernels {
namespace {

constexpr std::array<std::string_view, 4> kNames{"portable", "avx2", "avx512", "amx"};

#if defined(__x86_64__)
bool amx_permitted() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  constexpr unsigned kAmxBf16 = 1U << 22;
  constexpr unsigned kAmxTile = 1U << 24;
  if ((edx & kAmxBf16) == 0 || (edx & kAmxTile) == 0) return false;
  constexpr long kArchReqXcompPerm = 0x1023;
  constexpr long kXfeatureTileData = 18;
  return syscall(SYS_arch_prctl, kArchReqXcompPerm, kXfeatureTileData) == 0;
}

bool detect(Isa isa) {
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  switch (isa) {
    case Isa::portable: return true;
    case Isa::avx2: return avx2;
    case Isa::avx512: return avx512;
    case Isa::amx: {
      static const bool permitted = amx_permitted();
      return avx512 && __builtin_cpu_supports("avx512bf16") && permitted;
    }
  }
  return false;
}
#else
bool detect(Isa isa) { return isa == Isa::portable; }
#endif

}  // namespace

std::string_view isa_name(Isa isa) { return kNames.at(static_cast<std::size_t>(isa)); }

std::optional<Isa> isa_from_name(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Isa>(found - kNames.begin());
}

bool isa_supported(Isa isa) { return detect(isa); }

std::vector<Isa> supported_isas() {
  std::vector<Isa> result;
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512, Isa::amx}) {
    if (isa_supported(isa)) result.push_back(isa);
  }
  return result;
}

Isa best_isa() {
  const Isa best = supported_isas().back();
  const char* cap = std::getenv("BATON_CPU_ISA");
  const auto wanted = cap == nullptr ? std::nullopt : isa_from_name(cap);
  return wanted ? std::min(*wanted, best) : best;
}

}  // namespace baton::kernels
