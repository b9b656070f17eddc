#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace baton::openai {

/// Appends JSON text to a buffer it owns. Knows nothing of structure: the caller writes the punctuation with raw().
/// Keeps its capacity over clear(), so that a stream that reuses one buffer stops allocating.
class JsonBuffer {
 public:
  /// Bytes as they are.
  void raw(std::string_view text) { text_.append(text); }
  /// A quoted, escaped string. Bytes that are not UTF-8 become U+FFFD, one per maximal invalid part.
  void string(std::string_view text);
  void integer(std::int64_t value);
  /// The shortest decimal that reads back as `value`. JSON has no infinities: -inf (an impossible token) and NaN are
  /// written as -9999.0.
  void number(float value);
  void null() { raw("null"); }

  std::string_view view() const { return text_; }
  bool empty() const { return text_.empty(); }
  std::size_t size() const { return text_.size(); }
  void clear() { text_.clear(); }
  /// Hands over the text and leaves the buffer empty.
  std::string take() { return swap_out({}); }
  /// As take(); goes on in `reuse`, cleared, to keep its capacity.
  std::string swap_out(std::string reuse);

 private:
  std::string text_;
};

}  // namespace baton::openai
