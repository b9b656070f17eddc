#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config/config.h"
#include "core/check.h"

/// Any bytes are either a configuration or a list of problems.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = baton::config::parse_config(text, "fuzz.yaml");
  if (config) {
    BATON_CHECK(!config->workers.empty());
  } else {
    BATON_CHECK(!config.error().empty());
    BATON_CHECK(!baton::config::format_problems(config.error()).empty());
  }
  return 0;
}
