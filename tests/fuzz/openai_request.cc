#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "openai/request.h"
#include "openai/response.h"

/// Any bytes give a request or an error; a refusal always prints as an error body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace baton::openai;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const Endpoint endpoint : {Endpoint::chat, Endpoint::completions, Endpoint::responses}) {
    const auto request = parse_request(endpoint, body);
    if (!request && encode_error(request.error()).empty()) std::abort();
    if (request && request->prompt_count() * static_cast<std::size_t>(request->best_of) > kMaxChoices) std::abort();
  }
  (void)parse_tokenize(body);
  (void)parse_detokenize(body);
  return 0;
}
