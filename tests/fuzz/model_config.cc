#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "model/description.h"

/// config.json and generation_config.json, split at the first NUL: a description within its bounds, or an error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t split = text.find('\0');
  const auto description = baton::model::parse_description(
      {.config = text.substr(0, split),
       .generation_config = split == std::string_view::npos ? std::string_view() : text.substr(split + 1)});
  if (description && (description->kv_heads < 1 || description->heads % description->kv_heads != 0 ||
                      description->head_dim % 2 != 0 || description->layers < 1)) {
    std::abort();
  }
  return 0;
}
