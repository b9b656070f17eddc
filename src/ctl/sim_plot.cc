#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "ctl/sim_print.h"

namespace baton::ctl {
namespace {

constexpr double kWidth = 420, kHeight = 260, kLeft = 60, kBottom = 36, kTop = 30, kRight = 12;
constexpr std::string_view kColours[] = {"#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#d62728"};

struct Chart {
  std::string_view title, metric;
  double unit;
};
constexpr Chart kCharts[] = {{"Requests within their objectives, %", "attainment", 100},
                             {"Goodput, requests/s", "goodput", 1},
                             {"Requests within objectives per dollar", "goodput_per_dollar", 1},
                             {"TTFT p50, ms", "ttft_p50_ms", 1},
                             {"TTFT p99, ms", "ttft_p99_ms", 1},
                             {"ITL p99, ms", "itl_p99_ms", 1},
                             {"$ per 1M output tokens", "dollars_per_million", 1},
                             {"Utilisation, %", "utilisation", 100}};

struct Dot {
  double x = 0, y = 0, error = 0;
};

std::vector<Dot> dots(const Study& study, PlacementPolicy policy, const Chart& chart) {
  std::vector<Dot> out;
  const auto metric = std::ranges::find(sim::metrics(), chart.metric, &sim::Metric::name);
  for (const StudyPoint& point : study.points) {
    if (point.policy != policy) continue;
    const sim::Estimate e = sim::estimate(point.reports, *metric);
    out.push_back({point.mean([](const sim::Report& r) { return r.rate; }), e.mean * chart.unit, e.half_width * chart.unit});
  }
  return out;
}

/// A round number not below `value`: 1, 2 or 5 times a power of ten.
double round_up(double value) {
  if (!(value > 0)) return 1;
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (const double step : {1.0, 2.0, 5.0, 10.0}) {
    if (step * power >= value * (1 - 1e-9)) return step * power;
  }
  return 10 * power;
}

class Axes {
 public:
  Axes(double x_max, double y_max) : x_max_(round_up(x_max)), y_max_(round_up(y_max)) {}
  double x(double v) const { return kLeft + v / x_max_ * (kWidth - kLeft - kRight); }
  double y(double v) const { return kHeight - kBottom - std::min(v / y_max_, 1.0) * (kHeight - kBottom - kTop); }
  void draw(std::ostream& out) const {
    for (int i = 0; i <= 4; ++i) {
      const double v = y_max_ * i / 4, h = x_max_ * i / 4;
      out << "<line x1='" << kLeft << "' x2='" << kWidth - kRight << "' y1='" << y(v) << "' y2='" << y(v)
          << "' stroke='#ddd'/><text x='" << kLeft - 6 << "' y='" << y(v) + 4 << "' text-anchor='end'>" << v
          << "</text><text x='" << x(h) << "' y='" << kHeight - kBottom + 16 << "' text-anchor='middle'>" << h << "</text>";
    }
    out << "<text x='" << (kLeft + kWidth) / 2 << "' y='" << kHeight - 4 << "' text-anchor='middle'>requests/s offered</text>";
  }

 private:
  double x_max_, y_max_;
};

void draw_line(std::ostream& out, const Axes& axes, const std::vector<Dot>& line, std::string_view colour) {
  out << "<polyline fill='none' stroke='" << colour << "' stroke-width='2' points='";
  for (const Dot& d : line) out << axes.x(d.x) << ',' << axes.y(d.y) << ' ';
  out << "'/>";
  for (const Dot& d : line) {
    out << "<circle r='3' fill='" << colour << "' cx='" << axes.x(d.x) << "' cy='" << axes.y(d.y) << "'/><line stroke='"
        << colour << "' x1='" << axes.x(d.x) << "' x2='" << axes.x(d.x) << "' y1='" << axes.y(std::max(0.0, d.y - d.error))
        << "' y2='" << axes.y(d.y + d.error) << "'/>";
  }
}

void draw_chart(std::ostream& out, const Study& study, const std::vector<PlacementPolicy>& policies, const Chart& chart) {
  double x_max = 0, y_max = 0;
  for (const PlacementPolicy policy : policies) {
    for (const Dot& d : dots(study, policy, chart)) {
      x_max = std::max(x_max, d.x);
      y_max = std::max(y_max, d.y + d.error);
    }
  }
  const Axes axes(x_max, y_max);
  out << "<svg width='" << kWidth << "' height='" << kHeight << "'><text x='" << kLeft << "' y='18' font-weight='bold'>"
      << chart.title << "</text>";
  axes.draw(out);
  for (std::size_t i = 0; i < policies.size(); ++i) {
    draw_line(out, axes, dots(study, policies[i], chart), kColours[i % std::size(kColours)]);
  }
  out << "</svg>\n";
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  return out;
}

}  // namespace

std::string study_html(const Study& study) {
  std::vector<PlacementPolicy> policies;
  for (const StudyPoint& point : study.points) {
    if (std::ranges::find(policies, point.policy) == policies.end()) policies.push_back(point.policy);
  }
  std::ostringstream out;
  out << std::setprecision(6)
      << "<!doctype html><meta charset='utf-8'><title>batonctl sim</title>\n"
         "<style>body{font:13px sans-serif;margin:20px}svg{font:11px sans-serif;margin:6px}pre{font-size:11px}</style>\n<p>";
  for (std::size_t i = 0; i < policies.size(); ++i) {
    out << "<span style='color:" << kColours[i % std::size(kColours)] << "'>&#9632; " << policy_name(policies[i]) << "</span> ";
  }
  out << "(bars: 95 % confidence over seeds)</p>\n";
  for (const Chart& chart : kCharts) draw_chart(out, study, policies, chart);
  std::ostringstream table;
  print_study(table, study);
  out << "<pre>" << escaped(table.str()) << "</pre>\n";
  return out.str();
}

}  // namespace baton::ctl
