#pragma once

#include <cstdint>
#include <string>

#include "baton/types.h"
#include "model/description.h"

namespace baton::model {

/// A tokenizer for a model with random weights: byte-level BPE whose first 256 tokens are the bytes, then made-up words
/// (each id decodes to readable text), then the special tokens its family's chat template needs.
struct SyntheticTokenizer {
  std::string tokenizer_json;
  std::string tokenizer_config_json;
  TokenId bos = 0;
  TokenId eos = 0;
};

/// `vocab` ≥ 300, so that bytes and special tokens fit.
SyntheticTokenizer make_synthetic_tokenizer(Architecture architecture, std::int32_t vocab);

}  // namespace baton::model
