#pragma once

#include <string>

#include "metrics/registry.h"

namespace baton::metrics {

/// Appends one family in Prometheus text format 0.0.4: HELP, TYPE, then a line per series (histograms: cumulative
/// buckets, sum, count). A family without series is left out.
void append_text(std::string& out, const Family<Counter>& family);
void append_text(std::string& out, const Family<Gauge>& family);
void append_text(std::string& out, const Family<Histogram>& family);

}  // namespace baton::metrics
