#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace baton::config {

/// Decimal integer with optional sign, nothing around it.
std::optional<std::int64_t> parse_integer(std::string_view text);
/// Finite decimal number.
std::optional<double> parse_number(std::string_view text);
/// true/false, yes/no, on/off in any case.
std::optional<bool> parse_flag(std::string_view text);
/// "500ms", "30s", "2m", "1h", or a plain number of seconds. Rounded to milliseconds; none for more than a year.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
/// "32MiB", "64 KiB", "1GiB", "10MB", "512B", or a plain number of bytes. None beyond an int64.
std::optional<std::int64_t> parse_size(std::string_view text);

/// The shortest text parse_duration / parse_size reads back as the same value.
std::string format_duration(std::chrono::milliseconds value);
std::string format_size(std::int64_t bytes);

}  // namespace baton::config
