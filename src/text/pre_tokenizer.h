#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "text/regex.h"
#include "text/scanner.h"

namespace baton::text {

/// What becomes of the delimiters a Split finds.
enum class SplitBehavior : std::uint8_t { isolated, removed, merged_with_previous, merged_with_next, contiguous };

/// Splits at the matches of a literal or an expression; with `invert` the matches are the pieces and the gaps the delimiters.
struct SplitStage {
  std::variant<std::string, Regex> pattern;
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;
};

/// Splits with the scanner of a known pattern; its matches tile the text, so every split behaviour that keeps text
/// apart is the same.
struct ScannerStage {
  KnownPattern pattern = KnownPattern::llama3;
};

/// Puts `prefix` before every piece that does not start with it.
struct PrefixStage {
  std::string prefix;
};

enum class PrependScheme : std::uint8_t { always, first, never };

/// SentencePiece's white-space handling: ' ' becomes `replacement`, the word start is marked, words are split.
struct MetaspaceStage {
  std::string replacement = "\xE2\x96\x81";
  PrependScheme scheme = PrependScheme::always;
  bool split = true;
};

struct DigitsStage {
  bool individual = false;
};

using PreTokenizerStage = std::variant<SplitStage, ScannerStage, PrefixStage, MetaspaceStage, DigitsStage>;

/// A piece of text on its way to the model. `first`: it starts at offset 0 of the whole input.
struct Piece {
  std::string text;
  bool first = false;
};

/// The stages of a pre-tokenizer in order. Immutable; `run` is thread-safe.
class PreTokenizer {
 public:
  PreTokenizer() = default;
  explicit PreTokenizer(std::vector<PreTokenizerStage> stages) : stages_(std::move(stages)) {}

  /// Calls `sink(std::string_view)` for every non-empty pre-token of `text` (valid UTF-8) in order.
  template <class Sink>
  void run(std::string_view text, bool first, Sink&& sink) const {
    if (stages_.size() == 1) {
      if (const auto* scanner = std::get_if<ScannerStage>(&stages_[0])) {
        while (!text.empty()) {
          const std::size_t size = next_piece(scanner->pattern, text);
          sink(text.substr(0, size));
          text.remove_prefix(size);
        }
        return;
      }
    }
    for (const Piece& piece : run_stages(text, first)) sink(std::string_view(piece.text));
  }

 private:
  std::vector<Piece> run_stages(std::string_view text, bool first) const;
  std::vector<PreTokenizerStage> stages_;
};

}  // namespace baton::text
