#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "grammar/grammar.h"

using namespace baton;
using namespace baton::grammar;

namespace {

constexpr TokenId kEos = 0;

const std::shared_ptr<const Vocabulary>& vocabulary() {
  static const std::shared_ptr<const Vocabulary> all = [] {
    std::vector<std::string> tokens{""};
    for (int byte = 0; byte < 256; ++byte) tokens.push_back(std::string(1, static_cast<char>(byte)));
    for (const char* word : {"\",", "\":", "{\"", "\"}", "true", "null", "12", ", \"", "]}", "é"}) tokens.emplace_back(word);
    return make_vocabulary(tokens, {kEos});
  }();
  return all;
}

}  // namespace

/// The first byte chooses the kind. What compiles must lead on: every mask has a token, every token of a mask is
/// accepted.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 4096) return 0;
  const std::string source(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto compiled = compile({static_cast<Constraint::Kind>(data[0] % 5), source});
  if (!compiled) {
    if (compiled.error().code != Errc::invalid_request || compiled.error().message.empty()) std::abort();
    return 0;
  }
  Matcher matcher(bind(*compiled, vocabulary()));
  std::vector<std::uint64_t> bits((267 + 63) / 64);
  std::uint64_t random = size;
  for (int step = 0; step < 24 && !matcher.must_end(); ++step) {
    if (!matcher.mask(bits)) std::abort();
    std::vector<TokenId> allowed;
    for (TokenId t = 0; t < 267; ++t) {
      if ((bits[static_cast<std::size_t>(t) / 64] >> (t % 64) & 1) != 0) allowed.push_back(t);
    }
    random = random * 6364136223846793005ULL + 1442695040888963407ULL;
    if (!matcher.accept(allowed[(random >> 33) % allowed.size()])) std::abort();
  }
  return 0;
}
