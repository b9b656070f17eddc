#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace baton::text {

struct StopOptions {
  std::vector<std::string> stops;  ///< empty ones are ignored
  bool include_stop = false;       ///< the text ends with the stop string instead of before it
};

/// Watches the text of one sequence for stop strings, across the borders of the pieces it comes in. Text that may be the
/// beginning of a stop string is held back until that is decided. The match that starts first wins, of those the
/// longest that is complete. Not thread-safe.
class StopMatcher {
 public:
  struct Step {
    std::string text;                 ///< may be shown now
    std::optional<std::string> stop;  ///< the stop string that ended the sequence; nothing more will be shown
  };

  explicit StopMatcher(StopOptions options);

  /// The next piece of text.
  Step feed(std::string_view text);

  /// The same for a piece in which no stop string may end yet (min_tokens is not reached). A stop string may begin in it
  /// only if it ends in a later piece.
  Step feed_unchecked(std::string_view text);

  /// What is held back, when the sequence ends otherwise. Empty after a stop.
  std::string finish();

  bool stopped() const { return stopped_; }
  /// Bytes held back now.
  std::size_t held() const { return held_.size(); }

 private:
  Step advance(std::string_view text, std::size_t earliest_end);
  std::size_t held_suffix() const;

  std::vector<std::string> stops_;
  std::string held_;
  bool include_stop_;
  bool stopped_ = false;
};

}  // namespace baton::text
