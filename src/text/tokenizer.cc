#include "text/tokenizer.h"

#include "text/detokenizer.h"
#include "text/piece_memo.h"
#include "text/tokenizer_parts.h"
#include "text/utf8.h"

namespace baton::text {
namespace {

// The added tokens with this `normalized` flag, spelled as they appear where they are searched.
AddedTokenMatcher matcher_of(const TokenizerParts& parts, const Normalizer* normalizer) {
  std::vector<AddedToken> tokens;
  for (const AddedToken& token : parts.added_tokens) {
    if (token.normalized != (normalizer != nullptr)) continue;
    tokens.push_back(token);
    if (normalizer != nullptr) tokens.back().content = normalizer->run(token.content);
  }
  return AddedTokenMatcher(std::move(tokens));
}

std::vector<bool> special_flags(const TokenizerParts& parts) {
  std::vector<bool> flags(parts.token_bytes.size());
  for (const AddedToken& token : parts.added_tokens) {
    if (token.special) flags[static_cast<std::size_t>(token.id)] = true;
  }
  return flags;
}

}  // namespace

struct Tokenizer::Impl {
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  AddedTokenMatcher raw_tokens;
  AddedTokenMatcher normalized_tokens;
  Bpe model;
  TokenIndex spellings;
  std::vector<bool> special;
  std::vector<std::string> token_bytes;
  std::vector<TokenId> prefix;
  std::vector<TokenId> suffix;
  std::size_t leading_spaces_stripped = 0;

  explicit Impl(TokenizerParts parts)
      : normalizer(parts.normalizer),
        pre_tokenizer(std::move(parts.pre_tokenizer)),
        raw_tokens(matcher_of(parts, nullptr)),
        normalized_tokens(matcher_of(parts, &parts.normalizer)),
        model(std::move(parts.model)),
        spellings(parts.spellings),
        special(special_flags(parts)),
        token_bytes(std::move(parts.token_bytes)),
        prefix(std::move(parts.prefix)),
        suffix(std::move(parts.suffix)),
        leading_spaces_stripped(parts.leading_spaces_stripped) {}

  void encode_piece(std::string_view piece, PieceMemo& memo, std::vector<TokenId>& ids) const {
    if (memo.recall(piece, ids)) return;
    const std::size_t from = ids.size();
    model.encode(piece, ids);
    memo.note(piece, from, ids);
  }

  // Text without raw added tokens: normalise, look for normalised added tokens, pre-tokenize, encode.
  void encode_segment(std::string_view text, bool first, EncodeOptions options, PieceMemo& memo,
                      std::vector<TokenId>& ids) const {
    std::string normal;
    if (!normalizer.empty()) {
      normal = normalizer.run(text);
      text = normal;
    }
    const auto encode_text = [&](std::string_view part, bool part_first) {
      pre_tokenizer.run(part, part_first, [&](std::string_view piece) { encode_piece(piece, memo, ids); });
    };
    if (normalized_tokens.empty()) {
      encode_text(text, first);
      return;
    }
    for (const Segment& segment : normalized_tokens.split(text, options.parse_special)) {
      if (segment.id != kNoToken) {
        ids.push_back(segment.id);
      } else {
        encode_text(text.substr(segment.begin, segment.end - segment.begin), first && segment.begin == 0);
      }
    }
  }
};

Tokenizer::Tokenizer(TokenizerParts parts) : impl_(std::make_unique<const Impl>(std::move(parts))) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

std::vector<TokenId> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  std::string repaired;
  if (!is_valid_utf8(text)) {
    repaired = to_valid_utf8(text);
    text = repaired;
  }
  std::vector<TokenId> ids;
  ids.reserve(text.size() / 4 + 8);
  if (options.add_special_tokens) ids = impl_->prefix;
  PieceMemo memo;
  for (const Segment& segment : impl_->raw_tokens.split(text, options.parse_special)) {
    if (segment.id != kNoToken) {
      ids.push_back(segment.id);
    } else {
      const std::string_view part = text.substr(segment.begin, segment.end - segment.begin);
      impl_->encode_segment(part, segment.begin == 0, options, memo, ids);
    }
  }
  if (options.add_special_tokens) ids.insert(ids.end(), impl_->suffix.begin(), impl_->suffix.end());
  return ids;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, DecodeOptions options) const {
  IncrementalDetokenizer detokenizer(*this, {.skip_special = options.skip_special});
  std::string text;
  for (const TokenId id : ids) text += detokenizer.feed(id);
  text += detokenizer.finish();
  return text;
}

std::string_view Tokenizer::token_bytes(TokenId id) const {
  const auto at = static_cast<std::size_t>(id);
  return id >= 0 && at < impl_->token_bytes.size() ? std::string_view(impl_->token_bytes[at]) : std::string_view();
}

bool Tokenizer::is_special(TokenId id) const {
  const auto at = static_cast<std::size_t>(id);
  return id >= 0 && at < impl_->special.size() && impl_->special[at];
}

std::optional<TokenId> Tokenizer::id_of(std::string_view token) const {
  const TokenId id = impl_->spellings.find(token);
  return id == kNoToken ? std::nullopt : std::optional(id);
}

std::size_t Tokenizer::vocab_size() const { return impl_->token_bytes.size(); }

bool Tokenizer::strips_leading_space() const { return impl_->leading_spaces_stripped > 0; }

}  // namespace baton::text
