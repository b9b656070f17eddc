#include "text/pre_tokenizer.h"

#include "text/unicode.h"
#include "text/utf8.h"

namespace baton::text {
namespace {

// A stretch of text that is a delimiter (a match) or lies between two.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool match = false;
};

std::vector<Regex::Match> matches_of(const SplitStage& stage, std::string_view text) {
  std::vector<Regex::Match> matches;
  if (const auto* literal = std::get_if<std::string>(&stage.pattern)) {
    if (literal->empty()) return matches;
    for (std::size_t at = text.find(*literal); at != text.npos; at = text.find(*literal, at + literal->size())) {
      matches.push_back({at, at + literal->size()});
    }
    return matches;
  }
  const Regex& regex = std::get<Regex>(stage.pattern);
  for (std::size_t from = 0; from < text.size();) {
    const auto match = regex.find(text, from);
    if (!match || match->begin >= text.size()) break;
    if (match->end > match->begin) matches.push_back(*match);
    from = match->end > match->begin ? match->end : match->begin + decode_utf8(text, match->begin).size;
  }
  return matches;
}

std::vector<Span> spans_of(const SplitStage& stage, std::string_view text) {
  std::vector<Span> spans;
  std::size_t end = 0;
  for (const Regex::Match& match : matches_of(stage, text)) {
    if (match.begin > end) spans.push_back({end, match.begin, stage.invert});
    spans.push_back({match.begin, match.end, !stage.invert});
    end = match.end;
  }
  if (end < text.size()) spans.push_back({end, text.size(), stage.invert});
  return spans;
}

// Joins or drops delimiters; the rules of the Hugging Face SplitDelimiterBehavior.
std::vector<Span> join_delimiters(SplitBehavior behavior, const std::vector<Span>& spans) {
  std::vector<Span> out;
  bool previous_match = false;
  for (const Span& span : spans) {
    const bool join = !out.empty() && ((behavior == SplitBehavior::merged_with_previous && span.match && !previous_match) ||
                                       (behavior == SplitBehavior::merged_with_next && !span.match && previous_match) ||
                                       (behavior == SplitBehavior::contiguous && span.match == previous_match));
    if (join) {
      out.back().end = span.end;
    } else if (behavior != SplitBehavior::removed || !span.match) {
      out.push_back(span);
    }
    previous_match = span.match;
  }
  return out;
}

std::vector<Piece> cut(const Piece& piece, const std::vector<Span>& spans) {
  std::vector<Piece> out;
  out.reserve(spans.size());
  for (const Span& span : spans) {
    out.push_back({piece.text.substr(span.begin, span.end - span.begin), piece.first && span.begin == 0});
  }
  return out;
}

std::vector<Piece> run_stage(const SplitStage& stage, Piece piece) {
  return cut(piece, join_delimiters(stage.behavior, spans_of(stage, piece.text)));
}

std::vector<Piece> run_stage(const ScannerStage& stage, Piece piece) {
  std::vector<Span> spans;
  for (std::size_t at = 0; at < piece.text.size();) {
    const std::size_t size = next_piece(stage.pattern, std::string_view(piece.text).substr(at));
    spans.push_back({at, at + size, true});
    at += size;
  }
  return cut(piece, spans);
}

std::vector<Piece> run_stage(const PrefixStage& stage, Piece piece) {
  if (!piece.text.starts_with(stage.prefix)) piece.text.insert(0, stage.prefix);
  return {std::move(piece)};
}

std::vector<Piece> run_stage(const MetaspaceStage& stage, Piece piece) {
  std::string text;
  for (const char c : piece.text) c == ' ' ? text += stage.replacement : text += c;
  const bool prepend = stage.scheme == PrependScheme::always || (stage.scheme == PrependScheme::first && piece.first);
  if (prepend && !text.starts_with(stage.replacement)) text.insert(0, stage.replacement);
  piece.text = std::move(text);
  if (!stage.split) return {std::move(piece)};
  const SplitStage words{stage.replacement, SplitBehavior::merged_with_next, false};
  return run_stage(words, std::move(piece));
}

std::vector<Piece> run_stage(const DigitsStage& stage, Piece piece) {
  std::vector<Span> spans;
  const UnicodeTable& table = UnicodeTable::instance();
  for (std::size_t at = 0; at < piece.text.size();) {
    const CodePoint c = decode_utf8(piece.text, at);
    spans.push_back({at, at + c.size, (table[c.value] & kNumber) != 0});
    at += c.size;
  }
  std::vector<Span> joined;
  for (const Span& span : spans) {
    const bool join = !joined.empty() && joined.back().match == span.match && !(span.match && stage.individual);
    if (join) {
      joined.back().end = span.end;
    } else {
      joined.push_back(span);
    }
  }
  return cut(piece, joined);
}

}  // namespace

std::vector<Piece> PreTokenizer::run_stages(std::string_view text, bool first) const {
  std::vector<Piece> pieces{{std::string(text), first}};
  for (const PreTokenizerStage& stage : stages_) {
    std::vector<Piece> next;
    for (Piece& piece : pieces) {
      auto parts = std::visit([&](const auto& s) { return run_stage(s, std::move(piece)); }, stage);
      for (Piece& part : parts) {
        if (!part.text.empty()) next.push_back(std::move(part));
      }
    }
    pieces = std::move(next);
  }
  return pieces;
}

}  // namespace baton::text
