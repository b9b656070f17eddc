#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config/prices.h"
#include "core/check.h"

/// Any bytes are either a catalogue with every built-in type or a list of problems.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto catalogue = baton::config::parse_catalogue(text, "fuzz.json");
  if (!catalogue) {
    BATON_CHECK(!catalogue.error().empty());
    return 0;
  }
  for (const auto& gpu : baton::perf::builtin_catalogue().gpus) BATON_CHECK(catalogue->find(gpu.name) != nullptr);
  for (const auto& gpu : catalogue->gpus) BATON_CHECK(gpu.bandwidth > 0 && gpu.memory_bytes > 0);
  return 0;
}
