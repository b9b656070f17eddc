#include "engine/token_filter.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace baton::engine {

namespace {

constexpr std::size_t kBits = 64;

/// Whether drawing the last token of `word` now would complete it.
bool is_next_in(std::span<const TokenId> word, std::span<const TokenId> output) {
  const std::size_t before = word.size() - 1;
  return output.size() >= before && std::ranges::equal(word.first(before), output.last(before));
}

}  // namespace

TokenFilter::TokenFilter(std::int32_t vocab, std::vector<TokenId> eos_tokens)
    : vocab_(vocab),
      eos_tokens_(std::move(eos_tokens)),
      bits_((static_cast<std::size_t>(vocab) + kBits - 1) / kBits),
      before_(bits_.size()) {}

bool TokenFilter::narrows(const SampleInput& input) const {
  const SamplingParams& p = input.params;
  return !input.constraint.empty() || !p.allowed_token_ids.empty() || !p.bad_words.empty() ||
         input.output_index() < p.min_tokens;
}

std::span<const std::uint64_t> TokenFilter::allowed(const SampleInput& input) {
  if (!narrows(input)) return {};
  const SamplingParams& p = input.params;
  std::ranges::fill(bits_, ~std::uint64_t{0});
  if (const auto rest = static_cast<std::size_t>(vocab_) % kBits; rest != 0) bits_.back() = (std::uint64_t{1} << rest) - 1;
  if (!input.constraint.empty()) {
    for (std::size_t i = 0; i < bits_.size(); ++i) bits_[i] &= i < input.constraint.size() ? input.constraint[i] : 0;
  }
  before_ = bits_;
  if (!p.allowed_token_ids.empty()) {
    std::ranges::fill(bits_, 0);
    for (const TokenId token : p.allowed_token_ids) {
      if (token < 0 || token >= vocab_) continue;
      const auto i = static_cast<std::size_t>(token);
      bits_[i / kBits] |= before_[i / kBits] & (std::uint64_t{1} << (i % kBits));
    }
    settle();
  }
  for (const auto& word : p.bad_words) {
    if (!word.empty() && is_next_in(word, input.output())) clear(word.back());
  }
  settle();
  if (input.output_index() < p.min_tokens) {
    for (const TokenId token : eos_tokens_) clear(token);
    for (const TokenId token : p.stop_token_ids) clear(token);
    settle();
  }
  return bits_;
}

void TokenFilter::settle() {
  const bool none = std::ranges::all_of(bits_, [](std::uint64_t word) { return word == 0; });
  if (none) {
    bits_ = before_;
  } else {
    before_ = bits_;
  }
}

void TokenFilter::clear(TokenId token) {
  if (token < 0 || token >= vocab_) return;
  const auto i = static_cast<std::size_t>(token);
  bits_[i / kBits] &= ~(std::uint64_t{1} << (i % kBits));
}

TokenId lowest(std::span<const std::uint64_t> bits) {
  const auto word = std::ranges::find_if(bits, [](std::uint64_t w) { return w != 0; });
  if (word == bits.end()) return 0;
  return static_cast<TokenId>((word - bits.begin()) * static_cast<std::ptrdiff_t>(kBits) + std::countr_zero(*word));
}

bool contains(std::span<const std::uint64_t> bits, TokenId token) {
  const auto i = static_cast<std::size_t>(token);
  return (bits[i / kBits] >> (i % kBits) & 1) != 0;
}

}  // namespace baton::engine
