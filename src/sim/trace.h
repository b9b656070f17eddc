#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "baton/error.h"
#include "sim/workload.h"

namespace baton::sim {

/// What to do with a row that cannot be read.
enum class BadRows : std::uint8_t { stop, skip };

struct Trace {
  Workload workload;                 ///< arrivals from the first one on, sorted
  std::uint64_t skipped = 0;
  std::vector<std::string> problems;  ///< "line 12: …" of the first skipped rows
};

/// Collects rows into a Trace; shared by the readers of all formats.
class TraceBuilder {
 public:
  explicit TraceBuilder(BadRows bad_rows) : bad_rows_(bad_rows) {}
  /// `seconds` is on the trace's own clock. Errors (invalid_request): a length below 1 or beyond reason, a time that is
  /// not a number.
  Result<void> add(double seconds, std::int64_t prompt, std::int64_t output, std::vector<std::uint64_t> hashes = {});
  /// A row that cannot be read: an error that names the line, or one more skipped row.
  Result<void> bad_row(std::size_t line, const std::string& problem);
  /// Errors: no row at all.
  Result<Trace> finish(std::int32_t hash_tokens) &&;

 private:
  BadRows bad_rows_;
  std::vector<std::pair<double, SimRequest>> rows_;
  Trace trace_;
};

/// A CSV file with a header that names the columns of the Azure traces (TIMESTAMP, ContextTokens, GeneratedTokens) or of
/// BurstGPT (Timestamp, Request tokens, Response tokens), in any order, with any others beside them. Times are dates
/// (YYYY-MM-DD hh:mm:ss.f) or seconds. Errors name the line.
Result<Trace> read_csv_trace(std::string_view text, BadRows bad_rows);

}  // namespace baton::sim
