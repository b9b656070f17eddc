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
  for (const Endpoint endpoint : {Endpoint::chat, Endpoint::completions}) {
    const auto request = parse_request(endpoint, body);
    if (!request && encode_error(request.error()).empty()) std::abort();
    if (request && (request->choice_count() < 1 || request->choice_count() > kMaxChoices)) std::abort();
  }
  return 0;
}
