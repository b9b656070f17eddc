#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace baton::text {

// Python's string operations on valid UTF-8, shared by methods and filters.

enum class Side : unsigned char { left, right, both };

bool is_python_space(char32_t c);
/// Strips white space, or the characters in `set` if it is given.
std::string_view strip(std::string_view text, Side side, const std::string* set = nullptr);
std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalize(std::string_view text);  ///< first letter upper, rest lower
std::string title(std::string_view text);       ///< as str.title: a letter after a non-letter is upper
std::vector<std::string_view> split_words(std::string_view text, long long limit);
std::vector<std::string_view> split_words_right(std::string_view text, long long limit);
std::vector<std::string_view> split_at(std::string_view text, std::string_view separator, long long limit);
std::vector<std::string_view> split_at_right(std::string_view text, std::string_view separator, long long limit);
enum class Ends : unsigned char { dropped, kept };
std::vector<std::string_view> split_lines(std::string_view text, Ends ends);
/// Replaces the first `limit` occurrences; all if it is negative.
std::string replace_text(std::string_view text, std::string_view from, std::string_view to, long long limit);

}  // namespace baton::text
