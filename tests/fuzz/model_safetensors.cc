#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "model/safetensors.h"

/// Any bytes: views lie inside the file, or there is an error. Never a crash.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> file = std::as_bytes(std::span(data, size));
  const auto views = baton::model::read_safetensors(file, "input");
  if (!views) return 0;
  for (const baton::model::TensorView& view : *views) {
    if (view.data.empty()) continue;
    if (view.data.data() < file.data() || view.data.data() + view.data.size() > file.data() + file.size()) std::abort();
  }
  return 0;
}
