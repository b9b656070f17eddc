#include "sim/trace.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <optional>

namespace baton::sim {

namespace {

constexpr std::int64_t kLongest = 10'000'000;
constexpr double kLatest_s = 1e11;
constexpr std::size_t kShownProblems = 20;

std::string_view trim(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '"'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  for (;;) {
    const std::size_t comma = line.find(',');
    fields.push_back(trim(line.substr(0, comma)));
    if (comma == std::string_view::npos) return fields;
    line.remove_prefix(comma + 1);
  }
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Seconds since 1970 of "YYYY-MM-DD hh:mm:ss.f", or a plain number of seconds.
std::optional<double> time_of(std::string_view text) {
  if (text.size() < 19 || text[4] != '-') return number<double>(text);
  const auto part = [&](std::size_t at, std::size_t length) { return number<int>(text.substr(at, length)); };
  const auto year = part(0, 4), month = part(5, 2), day = part(8, 2), hour = part(11, 2), minute = part(14, 2);
  const auto second = number<double>(text.substr(17));
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *hour < 0 || *minute < 0) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return static_cast<double>(days) * 86400.0 + *hour * 3600.0 + *minute * 60.0 + *second;
}

struct Columns {
  std::size_t time = 0, prompt = 0, output = 0;
};

std::optional<Columns> columns_of(std::string_view header) {
  const auto names = fields_of(header);
  const auto find = [&](std::string_view a, std::string_view b) -> std::optional<std::size_t> {
    const auto at = std::ranges::find_if(names, [&](std::string_view name) { return name == a || name == b; });
    if (at == names.end()) return std::nullopt;
    return static_cast<std::size_t>(at - names.begin());
  };
  const auto time = find("TIMESTAMP", "Timestamp");
  const auto prompt = find("ContextTokens", "Request tokens");
  const auto output = find("GeneratedTokens", "Response tokens");
  if (!time || !prompt || !output) return std::nullopt;
  return Columns{*time, *prompt, *output};
}

}  // namespace

Result<void> TraceBuilder::add(double at_s, std::int64_t prompt, std::int64_t output,
                               std::vector<std::uint64_t> hashes) {
  if (!std::isfinite(at_s) || std::abs(at_s) > kLatest_s) return fail(Errc::invalid_request, "the time is no time");
  if (prompt < 1 || prompt > kLongest) return fail(Errc::invalid_request, "the prompt has " + std::to_string(prompt) + " tokens");
  if (output < 1 || output > kLongest) return fail(Errc::invalid_request, "the output has " + std::to_string(output) + " tokens");
  SimRequest request{.prompt_tokens = static_cast<std::int32_t>(prompt), .output_tokens = static_cast<std::int32_t>(output)};
  auto& all = trace_.workload.hashes;
  request.first_hash = static_cast<std::uint32_t>(all.size());
  request.hash_count = static_cast<std::uint32_t>(hashes.size());
  all.insert(all.end(), hashes.begin(), hashes.end());
  rows_.emplace_back(at_s, request);
  return {};
}

Result<void> TraceBuilder::bad_row(std::size_t line, const std::string& problem) {
  const std::string message = "line " + std::to_string(line) + ": " + problem;
  if (bad_rows_ == BadRows::stop) return fail(Errc::invalid_request, message);
  if (++trace_.skipped <= kShownProblems) trace_.problems.push_back(message);
  return {};
}

Result<Trace> TraceBuilder::finish(std::int32_t hash_tokens) && {
  if (rows_.empty()) return fail(Errc::invalid_request, "the trace has no request");
  std::ranges::stable_sort(rows_, {}, &std::pair<double, SimRequest>::first);
  const double start = rows_.front().first;
  trace_.workload.hash_tokens = hash_tokens;
  for (auto& [at_s, request] : rows_) {
    request.arrival = nanos(std::min(at_s - start, 9e9));
    trace_.workload.requests.push_back(request);
  }
  return std::move(trace_);
}

Result<Trace> read_csv_trace(std::string_view text, BadRows bad_rows) {
  if (text.starts_with("\x1f\x8b")) return fail(Errc::invalid_request, "the file is compressed: gunzip it first");
  const auto columns = columns_of(next_line(text));
  if (!columns) {
    return fail(Errc::invalid_request,
                "line 1: no header with TIMESTAMP, ContextTokens, GeneratedTokens (Azure) or Timestamp, Request tokens, "
                "Response tokens (BurstGPT)");
  }
  const std::size_t least = std::max({columns->time, columns->prompt, columns->output}) + 1;
  TraceBuilder builder(bad_rows);
  for (std::size_t line = 2; !text.empty(); ++line) {
    const std::string_view row = trim(next_line(text));
    if (row.empty()) continue;
    const auto fields = fields_of(row);
    std::string problem;
    if (fields.size() < least) {
      problem = "only " + std::to_string(fields.size()) + " fields";
    } else {
      const auto at_s = time_of(fields[columns->time]);
      const auto prompt = number<std::int64_t>(fields[columns->prompt]);
      const auto output = number<std::int64_t>(fields[columns->output]);
      if (!at_s) problem = "'" + std::string(fields[columns->time]) + "' is no time";
      if (!prompt || !output) problem = "the token counts are no whole numbers";
      if (problem.empty()) {
        if (auto added = builder.add(*at_s, *prompt, *output); !added) problem = added.error().message;
      }
    }
    if (problem.empty()) continue;
    if (auto go_on = builder.bad_row(line, problem); !go_on) return std::unexpected(go_on.error());
  }
  return std::move(builder).finish(512);
}

}  // namespace baton::sim
