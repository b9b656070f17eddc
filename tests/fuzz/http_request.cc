#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/request_parser.h"

namespace {

using namespace baton::http;

struct Verdict {
  bool failed = false;
  bool done = false;
  std::size_t used = 0;
  std::string body;
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

Verdict parse(std::string_view bytes, std::size_t step) {
  RequestParser parser({.header_bytes = 4096, .target_bytes = 512, .header_count = 20, .body_bytes = 8192});
  Verdict verdict;
  std::string input;
  for (std::size_t at = 0; at < bytes.size() && !parser.done(); at += step) {
    input += bytes.substr(at, step);
    const auto used = parser.put(input);
    if (!used) return {.failed = true};
    input.erase(0, *used);
    verdict.used += *used;
  }
  verdict.done = parser.done();
  if (verdict.done) verdict.body = parser.take().body;
  return verdict;
}

}  // namespace

/// The verdict, the body and where the request ends do not depend on how the bytes were cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Verdict whole = parse(bytes, bytes.size() + 1);
  const Verdict cut = parse(bytes, 1 + data[0] % 32);
  if (whole.failed != cut.failed) std::abort();
  if (!whole.failed && whole.done != cut.done) std::abort();
  if (whole.done && whole != cut) std::abort();
  return 0;
}
