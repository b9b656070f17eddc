#include "config/scalar.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>
#include <system_error>

namespace baton::config {
namespace {

struct Unit {
  std::string_view suffix;
  std::int64_t factor;
};

constexpr std::array kDurationUnits{Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000}, Unit{"h", 3'600'000}};
constexpr std::array kSizeUnits{Unit{"B", 1},
                                Unit{"KiB", 1LL << 10},
                                Unit{"MiB", 1LL << 20},
                                Unit{"GiB", 1LL << 30},
                                Unit{"TiB", 1LL << 40},
                                Unit{"KB", 1'000},
                                Unit{"kB", 1'000},
                                Unit{"MB", 1'000'000},
                                Unit{"GB", 1'000'000'000},
                                Unit{"TB", 1'000'000'000'000}};

template <class T>
std::optional<T> parse_all(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "<number><unit>" in the smallest unit of `units`; a number without unit counts `plain_factor`.
std::optional<double> parse_quantity(std::string_view text, std::span<const Unit> units, std::int64_t plain_factor) {
  const std::size_t digits = text.find_last_of("0123456789.");
  if (digits == std::string_view::npos) return std::nullopt;
  std::string_view suffix = text.substr(digits + 1);
  while (suffix.starts_with(' ')) suffix.remove_prefix(1);
  std::int64_t factor = suffix.empty() ? plain_factor : 0;
  for (const Unit& unit : units) {
    if (suffix == unit.suffix) factor = unit.factor;
  }
  const std::optional<double> number = parse_number(text.substr(0, digits + 1));
  if (!number || factor == 0) return std::nullopt;
  return *number * static_cast<double>(factor);
}

/// In the largest unit that divides it; `units` ascend.
std::string format_quantity(std::int64_t value, std::span<const Unit> units) {
  Unit chosen = units.front();
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.factor == 0) chosen = unit;
  }
  return std::to_string(value / chosen.factor) + std::string(chosen.suffix);
}

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) {
  return parse_all<std::int64_t>(text);
}

std::optional<double> parse_number(std::string_view text) {
  const std::optional<double> value = parse_all<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<bool> parse_flag(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (lower == "true" || lower == "yes" || lower == "on") return true;
  if (lower == "false" || lower == "no" || lower == "off") return false;
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr double kYearMs = 365.0 * 24 * 3'600'000;
  const std::optional<double> ms = parse_quantity(text, kDurationUnits, 1000);
  if (!ms || std::abs(*ms) > kYearMs) return std::nullopt;
  return std::chrono::milliseconds(std::llround(*ms));
}

std::optional<std::int64_t> parse_size(std::string_view text) {
  const std::optional<double> bytes = parse_quantity(text, kSizeUnits, 1);
  constexpr double kLimit = 9.2e18;  // just below 2^63
  if (!bytes || std::abs(*bytes) > kLimit || *bytes != std::floor(*bytes)) return std::nullopt;
  return static_cast<std::int64_t>(*bytes);
}

std::string format_duration(std::chrono::milliseconds value) {
  return format_quantity(value.count(), kDurationUnits);
}

std::string format_size(std::int64_t bytes) {
  return format_quantity(bytes, std::span(kSizeUnits).first(5));
}

}  // namespace baton::config
