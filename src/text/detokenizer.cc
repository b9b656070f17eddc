#include "text/detokenizer.h"

#include <utility>

#include "text/tokenizer.h"
#include "text/utf8.h"

namespace baton::text {

IncrementalDetokenizer::IncrementalDetokenizer(const Tokenizer& tokenizer, DetokenizerOptions options)
    : tokenizer_(&tokenizer),
      skip_special_(options.skip_special),
      strip_space_(tokenizer.strips_leading_space() && !options.continues_text) {}

std::string IncrementalDetokenizer::feed(TokenId id) {
  if (skip_special_ && tokenizer_->is_special(id)) return {};
  std::string_view bytes = tokenizer_->token_bytes(id);
  if (bytes.empty()) return {};
  if (strip_space_) {
    if (bytes.starts_with(' ')) bytes.remove_prefix(1);
    strip_space_ = false;
  }
  pending_ += bytes;
  const std::size_t complete = complete_utf8_prefix(pending_);
  std::string text = to_valid_utf8(std::string_view(pending_).substr(0, complete));
  pending_.erase(0, complete);
  return text;
}

std::string IncrementalDetokenizer::finish() { return to_valid_utf8(std::exchange(pending_, {})); }

}  // namespace baton::text
