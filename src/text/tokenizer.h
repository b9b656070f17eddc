#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "baton/error.h"
#include "baton/types.h"

namespace baton::text {

struct TokenizerParts;

struct EncodeOptions {
  /// Add what the tokenizer's template adds (BOS, ...). False for chat prompts: their template prints BOS itself.
  bool add_special_tokens = false;
  /// Recognise special tokens written out in the text, as Hugging Face does. False keeps them ordinary text, so that
  /// user input cannot forge a turn.
  bool parse_special = true;
};

struct DecodeOptions {
  bool skip_special = true;
};

/// A tokenizer as its tokenizer.json describes it: byte-level BPE (Llama-3, Qwen2/3, Mistral Tekken, GPT-2) and
/// SentencePiece-style BPE (Llama-2, Mistral 7B). Anything it cannot reproduce exactly is refused by name at load.
/// Immutable and movable; every const method is thread-safe. Share it as std::shared_ptr<const Tokenizer>.
class Tokenizer {
 public:
  /// Errors: Errc::io if `file` cannot be read, Errc::corrupt_file naming file, field and what is not supported.
  static Result<Tokenizer> load(const std::filesystem::path& file);
  /// `name` stands for the file in error messages.
  static Result<Tokenizer> from_json(std::string_view json, std::string_view name = "tokenizer.json");

  explicit Tokenizer(TokenizerParts parts);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// Token ids of `text`, identical to those of Hugging Face tokenizers. Invalid UTF-8 is read as U+FFFD.
  std::vector<TokenId> encode(std::string_view text, EncodeOptions options = {}) const;

  /// Text of a whole sequence, always valid UTF-8; the same as feeding an IncrementalDetokenizer and finishing it.
  std::string decode(std::span<const TokenId> ids, DecodeOptions options = {}) const;

  /// The bytes a token adds to the text; not necessarily whole characters. Empty for ids without a token. Lives as long
  /// as the tokenizer.
  std::string_view token_bytes(TokenId id) const;

  /// Whether `skip_special` drops this token.
  bool is_special(TokenId id) const;

  /// The id of a token by its exact spelling in tokenizer.json (added tokens and vocabulary).
  std::optional<TokenId> id_of(std::string_view token) const;

  /// One more than the largest id, holes included.
  std::size_t vocab_size() const;

  /// Whether decoding drops one leading space of a whole text (SentencePiece).
  bool strips_leading_space() const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace baton::text
