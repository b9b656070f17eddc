#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "text/json_reader.h"
#include "text/tokenizer_parts.h"

namespace baton::text {

// Readers of the pipeline stages in tokenizer.json. An absent node is an empty stage. All throw JsonRefusal naming the
// field and what is not supported.

Normalizer read_normalizer(const JsonNode& node);

struct PreTokenizerSpec {
  std::vector<PreTokenizerStage> stages;
  bool byte_level = false;  ///< the last stage maps bytes to the alphabet the vocabulary is written in
};
PreTokenizerSpec read_pre_tokenizer(const JsonNode& node);

struct TemplateIds {
  std::vector<TokenId> prefix;
  std::vector<TokenId> suffix;
};
/// `vocab_size` bounds the ids.
TemplateIds read_post_processor(const JsonNode& node, std::size_t vocab_size);

/// A decoder as steps on one token each, and what happens to the joined text.
struct TokenDecoder {
  bool byte_level = false;
  bool byte_fallback = false;
  std::vector<ReplaceStep> replacements;
  std::size_t leading_spaces_stripped = 0;
};
TokenDecoder read_decoder(const JsonNode& node);

/// The bytes a vocabulary entry adds to the text.
std::string decode_token(const TokenDecoder& decoder, std::string_view token);

}  // namespace baton::text
