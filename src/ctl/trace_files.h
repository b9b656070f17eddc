#pragma once

#include <string>
#include <string_view>

#include "sim/trace.h"

namespace baton::ctl {

/// One JSON object a line: Mooncake's (timestamp in ms, input_length, output_length, hash_ids of 512 tokens) or a vLLM
/// benchmark's (arrival_time in s, input_toks, output_toks). Errors name the line.
Result<sim::Trace> read_jsonl_trace(std::string_view text, sim::BadRows bad_rows);

/// A trace file, whichever of the formats that sim::read_csv_trace and read_jsonl_trace know. Errors name the file.
Result<sim::Trace> load_trace(const std::string& path, sim::BadRows bad_rows);

}  // namespace baton::ctl
