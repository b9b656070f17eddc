#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/chunk_decoder.h"

namespace {

using baton::http::ChunkDecoder;

constexpr std::uint64_t kLimit = 4096;

struct Outcome {
  bool failed = false;
  bool done = false;
  std::size_t used = 0;
  std::string body;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome decode(std::string_view bytes, std::size_t step) {
  ChunkDecoder decoder(kLimit);
  Outcome outcome;
  std::string input;
  for (std::size_t at = 0; at < bytes.size() && !decoder.done(); at += step) {
    input += bytes.substr(at, step);
    const auto used = decoder.put(input);
    if (!used) return {.failed = true};
    input.erase(0, *used);
    outcome.used += *used;
  }
  outcome.done = decoder.done();
  outcome.body = decoder.body();
  return outcome;
}

/// The same body in chunks of our own making.
std::string encode(std::string_view body, std::size_t size) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string chunks;
  for (std::size_t at = 0; at < body.size(); at += size) {
    const std::string_view piece = body.substr(at, size);
    for (int shift = 12; shift >= 0; shift -= 4) chunks += kDigits[piece.size() >> shift & 15U];
    chunks.append("\r\n").append(piece).append("\r\n");
  }
  return chunks + "0\r\n\r\n";
}

}  // namespace

/// Any bytes: the outcome does not depend on how they were cut, and bodies stay within the limit. Our own encoding of
/// any body: it comes back.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t step = 1 + data[0] % 32;
  const Outcome whole = decode(bytes, bytes.size() + 1);
  const Outcome cut = decode(bytes, step);
  if (whole.failed != cut.failed) std::abort();
  if (!whole.failed && whole.done != cut.done) std::abort();
  if (whole.done && whole != cut) std::abort();
  if (whole.body.size() > kLimit) std::abort();

  const std::string_view body = bytes.substr(0, kLimit);
  const Outcome back = decode(encode(body, step), 1 + data[0] / 8);
  if (!back.done || back.body != body) std::abort();
  return 0;
}
