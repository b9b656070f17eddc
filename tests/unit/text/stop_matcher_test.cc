#include "text/stop_matcher.h"

#include <gtest/gtest.h>

#include <random>

namespace baton::text {
namespace {

// Feeds the pieces; the text shown, with what finish() releases.
std::string shown(StopMatcher& matcher, const std::vector<std::string>& pieces) {
  std::string text;
  for (const std::string& piece : pieces) text += matcher.feed(piece).text;
  return text + matcher.finish();
}

TEST(StopMatcher, without_stops_everything_passes_at_once) {
  StopMatcher matcher({});
  EXPECT_EQ(matcher.feed("abc").text, "abc");
  EXPECT_EQ(matcher.held(), 0U);
}

TEST(StopMatcher, cuts_the_text_before_a_stop_inside_one_piece) {
  StopMatcher matcher({.stops = {"STOP"}});
  const auto step = matcher.feed("one STOP two");
  EXPECT_EQ(step.text, "one ");
  EXPECT_EQ(step.stop, "STOP");
  EXPECT_TRUE(matcher.stopped());
}

TEST(StopMatcher, finds_a_stop_across_pieces_and_shows_nothing_of_it) {
  StopMatcher matcher({.stops = {"</end>"}});
  EXPECT_EQ(matcher.feed("a<").text, "a");
  EXPECT_EQ(matcher.feed("/e").text, "");
  EXPECT_EQ(matcher.feed("nd").text, "");
  const auto step = matcher.feed(">tail");
  EXPECT_EQ(step.text, "");
  EXPECT_EQ(step.stop, "</end>");
}

TEST(StopMatcher, releases_held_text_when_it_turns_out_to_be_no_stop) {
  StopMatcher matcher({.stops = {"\n\nUser:"}});
  EXPECT_EQ(matcher.feed("x\n\nUse").text, "x");
  EXPECT_EQ(matcher.feed("ful").text, "\n\nUseful");
}

TEST(StopMatcher, keeps_the_part_of_a_failed_match_that_may_still_begin_one) {
  StopMatcher matcher({.stops = {"aab"}});
  EXPECT_EQ(matcher.feed("aa").text, "");
  EXPECT_EQ(matcher.feed("a").text, "a");
  EXPECT_EQ(matcher.feed("b").stop, "aab");
}

TEST(StopMatcher, releases_held_text_at_the_end) {
  StopMatcher matcher({.stops = {"stop"}});
  EXPECT_EQ(matcher.feed("st").text, "");
  EXPECT_EQ(matcher.finish(), "st");
  EXPECT_EQ(matcher.finish(), "");
}

TEST(StopMatcher, the_stop_that_starts_first_wins) {
  StopMatcher matcher({.stops = {"cd", "bcde"}});
  EXPECT_EQ(matcher.feed("abcdef").stop, "bcde");
}

TEST(StopMatcher, of_stops_at_the_same_place_the_longest_complete_one_wins) {
  StopMatcher matcher({.stops = {"ab", "abc"}});
  EXPECT_EQ(matcher.feed("xabcd").stop, "abc");
}

TEST(StopMatcher, the_stop_is_shown_when_asked_for) {
  StopMatcher matcher({.stops = {"END"}, .include_stop = true});
  EXPECT_EQ(matcher.feed("x E").text, "x ");
  EXPECT_EQ(matcher.feed("ND y").text, "END");
}

TEST(StopMatcher, nothing_is_shown_after_a_stop) {
  StopMatcher matcher({.stops = {"x"}});
  EXPECT_EQ(matcher.feed("axb").text, "a");
  EXPECT_EQ(matcher.feed("more").text, "");
  EXPECT_EQ(matcher.finish(), "");
}

TEST(StopMatcher, empty_stops_are_ignored) {
  StopMatcher matcher({.stops = {"", "z"}});
  EXPECT_EQ(matcher.feed("abc").text, "abc");
}

TEST(StopMatcher, a_stop_that_ends_before_min_tokens_does_not_count) {
  StopMatcher matcher({.stops = {"ab"}});
  EXPECT_EQ(matcher.feed_unchecked("xab").text, "xab");
  EXPECT_FALSE(matcher.stopped());
  EXPECT_EQ(matcher.feed("yab").text, "y");
  EXPECT_TRUE(matcher.stopped());
}

TEST(StopMatcher, a_stop_that_began_before_min_tokens_and_ends_after_counts) {
  StopMatcher matcher({.stops = {"ab"}});
  EXPECT_EQ(matcher.feed_unchecked("xa").text, "x");
  EXPECT_EQ(matcher.feed("b").stop, "ab");
}

TEST(StopMatcher, any_cutting_into_pieces_shows_the_same_text) {
  std::mt19937 random(5);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (int i = 0; i < 30; ++i) text += static_cast<char>('a' + random() % 3);
    const std::vector<std::string> stops{"abcab", "cab", "bbbb"};
    std::size_t cut = text.size();
    for (const auto& stop : stops) cut = std::min(cut, text.find(stop));
    std::vector<std::string> pieces;
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t size = 1 + random() % 4;
      pieces.push_back(text.substr(i, size));
      i += size;
    }
    StopMatcher matcher({.stops = stops});
    const std::string got = shown(matcher, pieces);
    // A shorter stop may complete before an earlier, longer one does; it then ends the text at its own place.
    EXPECT_TRUE(text.starts_with(got));
    EXPECT_EQ(matcher.stopped(), cut < text.size()) << text;
    EXPECT_GE(got.size(), std::min(cut, text.size()));
  }
}

}  // namespace
}  // namespace baton::text
