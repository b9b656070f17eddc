#include "metrics/text.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace baton::metrics {

namespace {

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), end};
}

std::string number(std::uint64_t value) { return std::to_string(value); }

/// Backslash and newline are escaped everywhere, the quote inside label values only.
std::string escaped(std::string_view text, std::string_view specials) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (specials.find(c) != std::string_view::npos) out += '\\';
    out += c == '\n' ? 'n' : c;
  }
  return out;
}

/// One line: name{label="value",…,extra} number. `extra` is a whole label, already escaped.
void append_sample(std::string& out, std::string_view name, const FamilyInfo& info,
                   std::span<const std::string> values, std::string_view extra, std::string_view value) {
  out += name;
  std::string labels;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) labels += ',';
    labels += info.labels[i] + "=\"" + escaped(values[i], "\\\"\n") + '"';
  }
  if (!labels.empty() && !extra.empty()) labels += ',';
  labels += extra;
  if (!labels.empty()) out += '{' + labels + '}';
  out += ' ';
  out += value;
  out += '\n';
}

void append_header(std::string& out, const FamilyInfo& info, std::string_view type) {
  out += "# HELP " + info.name + ' ' + escaped(info.help, "\\\n") + '\n';
  out += "# TYPE " + info.name + ' ' + std::string(type) + '\n';
}

void append_series(std::string& out, const FamilyInfo& info, std::span<const std::string> values,
                   const Histogram& histogram) {
  const auto bounds = histogram.bounds();
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i <= bounds.size(); ++i) {
    cumulative += histogram.bucket(i);
    const std::string le = i < bounds.size() ? number(bounds[i]) : "+Inf";
    append_sample(out, info.name + "_bucket", info, values, "le=\"" + le + '"', number(cumulative));
  }
  append_sample(out, info.name + "_sum", info, values, "", number(histogram.sum()));
  append_sample(out, info.name + "_count", info, values, "", number(cumulative));
}

void append_series(std::string& out, const FamilyInfo& info, std::span<const std::string> values,
                   const auto& instrument) {
  append_sample(out, info.name, info, values, "", number(instrument.value()));
}

template <class T>
void append_family(std::string& out, const Family<T>& family, std::string_view type) {
  bool started = false;
  family.each([&](std::span<const std::string> values, const T& series) {
    if (!std::exchange(started, true)) append_header(out, family.info(), type);
    append_series(out, family.info(), values, series);
  });
}

}  // namespace

void append_text(std::string& out, const Family<Counter>& family) { append_family(out, family, "counter"); }

void append_text(std::string& out, const Family<Gauge>& family) { append_family(out, family, "gauge"); }

void append_text(std::string& out, const Family<Histogram>& family) { append_family(out, family, "histogram"); }

}  // namespace baton::metrics
