#include "ctl/trace_files.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace baton::ctl {
namespace {

using nlohmann::json;

constexpr std::size_t kMostHashes = 100'000;
constexpr std::int32_t kMooncakeBlock = 512;

struct Fields {
  const char *time, *prompt, *output;
  double time_unit_s;
};
constexpr Fields kMooncake{"timestamp", "input_length", "output_length", 1e-3};
constexpr Fields kBenchmark{"arrival_time", "input_toks", "output_toks", 1.0};

Result<void> add_row(sim::TraceBuilder& builder, std::string_view line) {
  const json row = json::parse(line, nullptr, false);
  const auto bad = [](std::string message) { return fail(Errc::invalid_request, std::move(message)); };
  if (!row.is_object()) return bad("not a JSON object");
  const Fields& fields = row.contains(kMooncake.prompt) ? kMooncake : kBenchmark;
  for (const char* name : {fields.time, fields.prompt, fields.output}) {
    const auto value = row.find(name);
    if (value == row.end() || !value->is_number()) return bad("no number '" + std::string(name) + "'");
  }
  for (const char* name : {fields.prompt, fields.output}) {
    if (!row[name].is_number_integer()) return bad("'" + std::string(name) + "' is no whole number");
  }
  std::vector<std::uint64_t> hashes;
  if (const auto ids = row.find("hash_ids"); ids != row.end()) {
    if (!ids->is_array() || ids->size() > kMostHashes) return bad("'hash_ids' is no list of reasonable length");
    for (const json& id : *ids) {
      if (!id.is_number_integer()) return bad("'hash_ids' has an entry that is no whole number");
      hashes.push_back(static_cast<std::uint64_t>(id.get<std::int64_t>()) + 1);
    }
  }
  return builder.add(row[fields.time].get<double>() * fields.time_unit_s, row[fields.prompt].get<std::int64_t>(),
                     row[fields.output].get<std::int64_t>(), std::move(hashes));
}

}  // namespace

Result<sim::Trace> read_jsonl_trace(std::string_view text, sim::BadRows bad_rows) {
  sim::TraceBuilder builder(bad_rows);
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view row = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (row.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto added = add_row(builder, row);
    if (added) continue;
    if (auto go_on = builder.bad_row(line, added.error().message); !go_on) return std::unexpected(go_on.error());
  }
  return std::move(builder).finish(kMooncakeBlock);
}

Result<sim::Trace> load_trace(const std::string& path, sim::BadRows bad_rows) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Errc::io, path + ": cannot be opened: " + std::strerror(errno));
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad()) return fail(Errc::io, path + ": cannot be read");
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool is_json = first != std::string::npos && text[first] == '{';
  auto trace = is_json ? read_jsonl_trace(text, bad_rows) : sim::read_csv_trace(text, bad_rows);
  if (!trace) return fail(trace.error().code, path + ": " + trace.error().message);
  return trace;
}

}  // namespace baton::ctl
