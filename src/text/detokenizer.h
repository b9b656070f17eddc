#pragma once

#include <string>

#include "baton/types.h"

namespace baton::text {

class Tokenizer;

struct DetokenizerOptions {
  bool skip_special = true;
  /// The text continues a prompt, so the first token keeps its leading space (SentencePiece).
  bool continues_text = false;
};

/// Turns one sequence's tokens into text as they come. What it returns is always complete, valid UTF-8: at most three
/// bytes of an unfinished character are held back, and each invalid maximal subpart becomes one U+FFFD. Streamed pieces
/// add up to Tokenizer::decode of the whole. The tokenizer must outlive it. Not thread-safe.
class IncrementalDetokenizer {
 public:
  explicit IncrementalDetokenizer(const Tokenizer& tokenizer, DetokenizerOptions options = {});

  /// Text that became complete with this token; may be empty.
  std::string feed(TokenId id);

  /// What is still held back, as one U+FFFD; call once at the end.
  std::string finish();

 private:
  const Tokenizer* tokenizer_;
  std::string pending_;
  bool skip_special_;
  bool strip_space_;
};

}  // namespace baton::text
