#include "grammar/formats.h"

#include <array>
#include <utility>

#include "core/check.h"
#include "grammar/regex.h"

namespace baton::grammar {

namespace {

/// Every date but 29 February, which not every year has.
constexpr std::string_view kDate =
    R"([12]\d{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8])))";
constexpr std::string_view kTime = R"((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d))";
constexpr std::string_view kUuid = R"([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})";
constexpr std::string_view kEmail =
    R"([A-Za-z0-9_+-]{1,32}(?:\.[A-Za-z0-9_+-]{1,16}){0,3}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?\.){1,4}[A-Za-z]{2,16})";
constexpr std::string_view kIpv4 = R"((?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d))";
constexpr std::array<std::string_view, 6> kNames{"date-time", "date", "time", "uuid", "email", "ipv4"};

std::string pattern_of(std::string_view format) {
  if (format == "date-time") return std::string(kDate) + "T" + std::string(kTime);
  if (format == "date") return std::string(kDate);
  if (format == "time") return std::string(kTime);
  if (format == "uuid") return std::string(kUuid);
  if (format == "email") return std::string(kEmail);
  if (format == "ipv4") return std::string(kIpv4);
  return {};
}

}  // namespace

std::optional<Expr> format_expr(std::string_view format) {
  const std::string pattern = pattern_of(format);
  if (pattern.empty()) return std::nullopt;
  auto text = parse_regex(pattern, RegexMatch::whole, json_characters);
  BATON_CHECK(text.has_value());
  return std::move(*text);
}

std::string known_formats() {
  std::string names;
  for (const std::string_view name : kNames) names += (names.empty() ? "" : ", ") + std::string(name);
  return names;
}

}  // namespace baton::grammar
