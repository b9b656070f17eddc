#include "config/scalar.h"

#include <gtest/gtest.h>

#include "config/suggest.h"

namespace baton::config {
namespace {

using std::chrono::milliseconds;

TEST(ParseDuration, reads_units_and_plain_seconds) {
  EXPECT_EQ(parse_duration("500ms"), milliseconds(500));
  EXPECT_EQ(parse_duration("30s"), milliseconds(30'000));
  EXPECT_EQ(parse_duration("2m"), milliseconds(120'000));
  EXPECT_EQ(parse_duration("1h"), milliseconds(3'600'000));
  EXPECT_EQ(parse_duration("0.25"), milliseconds(250));
  EXPECT_EQ(parse_duration("+3 s"), milliseconds(3'000));
  EXPECT_EQ(parse_duration("0"), milliseconds(0));
}

TEST(ParseDuration, refuses_everything_else) {
  for (const char* text : {"", "s", "ms5", "5 parsecs", "5mss", "1e999", "nan", "inf", "0x10", "1,5s", "9e18", "--1"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(ParseSize, reads_binary_and_decimal_units) {
  EXPECT_EQ(parse_size("0"), 0);
  EXPECT_EQ(parse_size("512"), 512);
  EXPECT_EQ(parse_size("512B"), 512);
  EXPECT_EQ(parse_size("64 KiB"), 65536);
  EXPECT_EQ(parse_size("0.5KiB"), 512);
  EXPECT_EQ(parse_size("32MiB"), 32 << 20);
  EXPECT_EQ(parse_size("1GiB"), 1 << 30);
  EXPECT_EQ(parse_size("2TiB"), 2LL << 40);
  EXPECT_EQ(parse_size("3kB"), 3'000);
  EXPECT_EQ(parse_size("3KB"), 3'000);
  EXPECT_EQ(parse_size("3MB"), 3'000'000);
  EXPECT_EQ(parse_size("3GB"), 3'000'000'000);
}

TEST(ParseSize, refuses_fractions_of_bytes_overflow_and_other_text) {
  for (const char* text : {"", "B", "0.3B", "1e30", "9999999999TiB", "5 MiBs", "five"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(ParseFlag, reads_yaml_words_in_any_case) {
  for (const char* text : {"true", "True", "TRUE", "yes", "on"}) EXPECT_EQ(parse_flag(text), true) << text;
  for (const char* text : {"false", "No", "OFF"}) EXPECT_EQ(parse_flag(text), false) << text;
  for (const char* text : {"", "1", "y", "truee"}) EXPECT_EQ(parse_flag(text), std::nullopt) << text;
}

TEST(FormatDurationAndSize, are_read_back_as_the_same_value) {
  for (const int ms : {0, 1, 999, 1000, 1500, 60'000, 90'000, 3'600'000}) {
    EXPECT_EQ(parse_duration(format_duration(milliseconds(ms))), milliseconds(ms));
  }
  for (const std::int64_t bytes : {0LL, 1LL, 1023LL, 1024LL, 1536LL, 1LL << 30, 3LL << 41}) {
    EXPECT_EQ(parse_size(format_size(bytes)), bytes);
  }
}

TEST(Nearest, prefers_the_same_letters_then_a_beginning_then_the_fewest_edits) {
  constexpr std::string_view kNames[] = {"H200", "H100_SXM5", "L40S", "L4"};
  EXPECT_EQ(nearest("h100-sxm5", kNames), "H100_SXM5");
  EXPECT_EQ(nearest("H100", kNames), "H100_SXM5");
  EXPECT_EQ(nearest("H20", kNames), "H200");
  EXPECT_EQ(nearest("L04S", kNames), "L40S");
  EXPECT_EQ(nearest("wholly different", kNames), std::nullopt);
  EXPECT_EQ(nearest("", kNames), std::nullopt);
  EXPECT_EQ(nearest(std::string(100'000, 'H'), kNames), std::nullopt);
}

}  // namespace
}  // namespace baton::config
