#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "baton/config.h"
#include "config/config.h"
#include "core/check.h"

namespace {

const baton::ClassConfig* find(const std::vector<baton::ClassConfig>& classes, const std::string& name) {
  for (const baton::ClassConfig& entry : classes) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

}  // namespace

/// Whatever stands under `classes:`, an accepted list has unique names, ranges that hold something, and fallbacks that
/// exist and come to an end.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text =
      "model: m\nworkers: [{host: h}]\nclasses:\n" + std::string(reinterpret_cast<const char*>(data), size);
  const auto config = baton::config::parse_config(text, "fuzz.yaml");
  if (!config) return 0;
  for (const baton::ClassConfig& entry : config->classes) {
    BATON_CHECK(find(config->classes, entry.name) == &entry);
    for (const baton::TokenRange& range : {entry.prompt_tokens, entry.output_tokens}) {
      BATON_CHECK(range.min >= 0 && (range.max == 0 || (range.max > range.min && range.max > 1)));
    }
    const baton::ClassConfig* at = &entry;
    for (std::size_t steps = 0; !at->fallback.empty(); ++steps) {
      BATON_CHECK(steps < config->classes.size());
      at = find(config->classes, at->fallback);
      BATON_CHECK(at != nullptr);
    }
  }
  return 0;
}
