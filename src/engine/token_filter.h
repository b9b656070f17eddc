#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "baton/types.h"

namespace baton::engine {

/// Everything one draw depends on.
struct SampleInput {
  std::span<const float> logits;    ///< [vocab], raw; NaN counts as -inf
  std::span<const TokenId> tokens;  ///< prompt, then output so far; ids below vocab
  std::int32_t prompt_tokens = 0;
  const SamplingParams& params;
  /// What the constraint allows: a bit for each token id, some set; empty: no constraint.
  std::span<const std::uint64_t> constraint{};

  std::int32_t output_index() const { return static_cast<std::int32_t>(tokens.size()) - prompt_tokens; }
  std::span<const TokenId> output() const { return tokens.subspan(static_cast<std::size_t>(prompt_tokens)); }
};

/// Which tokens may be drawn: those of the constraint, of them allowed_token_ids, less those that would complete a bad
/// word, less EOS and stop tokens before min_tokens. A rule that would leave nothing is passed over, so that one after
/// the other the constraint comes first and min_tokens last. Bad words are looked for in the output.
///
/// Workspace for one vocabulary; no allocation per token.
class TokenFilter {
 public:
  TokenFilter(std::int32_t vocab, std::vector<TokenId> eos_tokens);

  /// A bit for each token, some set; empty when all may be drawn. Valid until the next call.
  std::span<const std::uint64_t> allowed(const SampleInput& input);

 private:
  bool narrows(const SampleInput& input) const;
  /// Takes the change back if no token is left.
  void settle();
  void clear(TokenId token);

  std::int32_t vocab_;
  std::vector<TokenId> eos_tokens_;
  std::vector<std::uint64_t> bits_, before_;
};

/// The lowest token whose bit is set; 0 if none is.
TokenId lowest(std::span<const std::uint64_t> bits);
bool contains(std::span<const std::uint64_t> bits, TokenId token);

}  // namespace baton::engine
