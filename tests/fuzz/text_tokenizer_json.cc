// tokenizer.json from outside: loading must accept or refuse it, and an accepted one must work.
#include <cstdint>
#include <string_view>

#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  const auto tokenizer = baton::text::Tokenizer::from_json(json);
  if (!tokenizer) return 0;
  const auto ids = tokenizer->encode("Hello, \xC3\xA9 world 123 <s>", {.add_special_tokens = true});
  (void)tokenizer->decode(ids);
  return 0;
}
