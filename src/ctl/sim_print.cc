#include "ctl/sim_print.h"

#include <iomanip>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>

namespace baton::ctl {
namespace {

using nlohmann::ordered_json;

struct Column {
  std::string_view title, metric;
  double unit;
  int digits;
};
constexpr Column kColumns[] = {
    {"rate", "rate", 1, 2},           {"in SLO %", "attainment", 100, 1}, {"goodput/s", "goodput", 1, 2},
    {"TTFT p50", "ttft_p50_ms", 1, 0}, {"p90", "ttft_p90_ms", 1, 0},       {"p99 ms", "ttft_p99_ms", 1, 0},
    {"ITL p50", "itl_p50_ms", 1, 1},   {"p90", "itl_p90_ms", 1, 1},        {"p99 ms", "itl_p99_ms", 1, 1},
    {"$/1M out", "dollars_per_million", 1, 2}, {"good/$", "goodput_per_dollar", 1, 0},
    {"busy %", "utilisation", 100, 1}, {"KV GB", "kv_gigabytes", 1, 1},    {"queue", "peak_queue", 1, 0},
    {"preempt", "preemptions", 1, 0},  {"failed", "failed", 1, 0},
};

sim::Estimate estimate(const StudyPoint& point, std::string_view name) {
  for (const sim::Metric& metric : sim::metrics()) {
    if (metric.name == name) return sim::estimate(point.reports, metric);
  }
  return {};
}

std::string cell(const sim::Estimate& e, const Column& column) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(column.digits) << e.mean * column.unit;
  if (e.half_width > 0) text << "±" << e.half_width * column.unit;
  return text.str();
}

/// Pads by what is seen: ± is one column and two bytes.
std::string pad(const std::string& text, std::size_t width) {
  const auto seen = text.size() - static_cast<std::size_t>(std::count(text.begin(), text.end(), '\xc2'));
  return std::string(width > seen ? width - seen : 0, ' ') + text;
}

void print_classes(std::ostream& out, const sim::Report& r) {
  out << "  class            requests   in SLO %  TTFT p50     p90   p99 ms   ITL p50    p90  p99 ms   SLO ms (TTFT/ITL)\n";
  for (const sim::ClassReport& c : r.classes) {
    out << "  " << std::left << std::setw(16) << c.name << std::right << std::fixed << std::setprecision(1) << std::setw(9)
        << c.requests << std::setw(11) << c.attainment * 100 << std::setprecision(0) << std::setw(10) << c.ttft.p50 * 1e3
        << std::setw(8) << c.ttft.p90 * 1e3 << std::setw(9) << c.ttft.p99 * 1e3 << std::setprecision(1) << std::setw(10)
        << c.itl.p50 * 1e3 << std::setw(7) << c.itl.p90 * 1e3 << std::setw(8) << c.itl.p99 * 1e3 << std::setprecision(0)
        << "   " << c.slo.ttft_ms << '/' << c.slo.itl_ms << '\n';
  }
  out << "  worker                gpus            role       busy %   of it prefill %   cached tokens\n";
  for (const sim::WorkerReport& w : r.workers) {
    out << "  " << std::left << std::setw(22) << w.name << std::setw(16) << w.gpu << std::setw(9) << w.role << std::right
        << std::setprecision(1) << std::setw(8) << w.utilisation * 100 << std::setw(18) << w.prefill_share * 100
        << std::setw(16) << w.cached_tokens << '\n';
  }
}

ordered_json json_of(const sim::Percentiles& p) {
  return {{"p50_ms", p.p50 * 1e3}, {"p90_ms", p.p90 * 1e3}, {"p99_ms", p.p99 * 1e3}};
}

ordered_json json_of(const StudyPoint& point) {
  ordered_json out{{"policy", policy_name(point.policy)}, {"asked_rate", point.rate}, {"seeds", point.reports.size()},
                   {"events", point.events}};
  for (const sim::Metric& metric : sim::metrics()) {
    const sim::Estimate e = sim::estimate(point.reports, metric);
    out["metrics"][std::string(metric.name)] = {{"mean", e.mean}, {"confidence95", e.half_width}};
  }
  for (const sim::ClassReport& c : point.reports.front().classes) {
    out["classes"].push_back({{"name", c.name}, {"slo", {{"ttft_ms", c.slo.ttft_ms}, {"itl_ms", c.slo.itl_ms}}},
                              {"requests", c.requests}, {"attainment", c.attainment}, {"ttft", json_of(c.ttft)},
                              {"itl", json_of(c.itl)}, {"gap", json_of(c.gap)}, {"e2e", json_of(c.e2e)}});
  }
  for (const sim::WorkerReport& w : point.reports.front().workers) {
    out["workers"].push_back({{"name", w.name}, {"gpu", w.gpu}, {"role", w.role}, {"utilisation", w.utilisation},
                              {"prefill_share", w.prefill_share}, {"prefill_tokens", w.prefill_tokens},
                              {"decode_tokens", w.decode_tokens}, {"cached_tokens", w.cached_tokens},
                              {"preemptions", w.preemptions}});
  }
  return out;
}

}  // namespace

void print_study(std::ostream& out, const Study& study) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::size_t> widths;
  for (const Column& column : kColumns) widths.push_back(column.title.size());
  for (const StudyPoint& point : study.points) {
    auto& row = rows.emplace_back();
    for (std::size_t c = 0; c < std::size(kColumns); ++c) {
      row.push_back(cell(estimate(point, kColumns[c].metric), kColumns[c]));
      widths[c] = std::max(widths[c], row.back().size());
    }
  }
  out << std::left << std::setw(14) << "policy" << std::right;
  for (std::size_t c = 0; c < std::size(kColumns); ++c) out << "  " << pad(std::string(kColumns[c].title), widths[c]);
  out << '\n';
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool best = std::ranges::find(study.saturated, i) != study.saturated.end();
    out << std::left << std::setw(14) << (std::string(policy_name(study.points[i].policy)) + (best ? " *" : "")) << std::right;
    for (std::size_t c = 0; c < std::size(kColumns); ++c) out << "  " << pad(rows[i][c], widths[c]);
    out << '\n';
  }
  if (!study.saturated.empty()) out << "* the greatest rate found with enough requests within their objectives\n";
  if (study.points.size() == 1) print_classes(out, study.points.front().reports.front());
  for (const std::string& note : study.notes) out << "note: " << note << '\n';
}

std::string study_json(const Study& study) {
  ordered_json out{{"points", ordered_json::array()}, {"notes", study.notes}};
  for (const StudyPoint& point : study.points) out["points"].push_back(json_of(point));
  for (const std::size_t at : study.saturated) {
    out["saturated"].push_back(at == Study::npos ? ordered_json() : ordered_json(at));
  }
  return out.dump(1) + "\n";
}

}  // namespace baton::ctl
