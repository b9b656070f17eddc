#pragma once

#include <string>
#include <utility>
#include <vector>

#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"

namespace baton::text {

/// Everything a tokenizer.json says, in the form the Tokenizer works with.
struct TokenizerParts {
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  BpeParts model;
  std::vector<AddedToken> added_tokens;
  std::vector<std::pair<std::string, TokenId>> spellings;  ///< as written in the file, added tokens last
  std::vector<std::string> token_bytes;                    ///< id → what it adds to the decoded text
  std::vector<TokenId> prefix;                             ///< what the post-processor's template puts before ...
  std::vector<TokenId> suffix;                             ///< ... and after a single sequence
  std::size_t leading_spaces_stripped = 0;                 ///< of a whole decoded text
};

}  // namespace baton::text
