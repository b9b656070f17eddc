#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace baton::kernels {

/// Instruction sets the CPU kernels are built for, weakest first.
enum class Isa : std::uint8_t { portable, avx2, avx512, amx };

std::string_view isa_name(Isa isa);
/// "portable", "avx2", "avx512" or "amx"; anything else: nothing.
std::optional<Isa> isa_from_name(std::string_view name);

/// Whether this processor and operating system can run `isa`. Asks the kernel for permission to use AMX tiles, once.
bool isa_supported(Isa isa);
/// All that isa_supported() accepts, weakest first; never empty.
std::vector<Isa> supported_isas();
/// The strongest supported one, capped by the environment variable BATON_CPU_ISA if it names one.
Isa best_isa();

}  // namespace baton::kernels
