#include "metrics/registry.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "metrics/text.h"

namespace baton::metrics {

namespace {

bool is_label_name(std::string_view name) {
  const auto word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && word(name.front()) && !name.starts_with("__") && name != "le" &&
         std::ranges::all_of(name, [&](char c) { return word(c) || digit(c); });
}

bool same_options(const Counter::Options&, const Counter::Options&) { return true; }
bool same_options(const Gauge::Options&, const Gauge::Options&) { return true; }
bool same_options(const Histogram::Options& a, const Histogram::Options& b) { return *a.bounds == *b.bounds; }

Histogram::Options checked_bounds(std::vector<double> bounds) {
  BATON_CHECK(std::ranges::all_of(bounds, [](double b) { return std::isfinite(b); }));
  BATON_CHECK(std::ranges::adjacent_find(bounds, std::greater_equal{}) == bounds.end());
  return {std::make_shared<const std::vector<double>>(std::move(bounds))};
}

}  // namespace

template <class T>
T& Family<T>::with(std::span<const std::string_view> values) {
  BATON_CHECK(values.size() == info_.labels.size());
  std::vector<std::string> key(values.begin(), values.end());
  const std::lock_guard lock(mutex_);
  auto found = series_.find(key);
  if (found == series_.end()) {
    if (series_.size() >= info_.max_series) key.assign(key.size(), std::string(kOverflowLabel));
    found = series_.try_emplace(std::move(key)).first;
    if (!found->second) found->second = std::make_unique<T>(options_);
  }
  return *found->second;
}

template <class T>
void Family<T>::each(const std::function<void(std::span<const std::string>, const T&)>& visit) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [values, series] : series_) visit(values, *series);
}

template class Family<Counter>;
template class Family<Gauge>;
template class Family<Histogram>;

template <class T>
Family<T>& Registry::family(FamilyInfo info, typename T::Options options) {
  // A colon is legal in metric names but reserved for recording rules: one grammar serves names and labels.
  BATON_CHECK(is_label_name(info.name) && std::ranges::all_of(info.labels, is_label_name));
  const std::lock_guard lock(mutex_);
  const auto found = families_.find(info.name);
  if (found == families_.end()) {
    std::string name = info.name;
    auto made = std::make_unique<Family<T>>(std::move(info), std::move(options));
    Family<T>& result = *made;
    families_.emplace(std::move(name), std::move(made));
    return result;
  }
  const auto* same = std::get_if<std::unique_ptr<Family<T>>>(&found->second);
  BATON_CHECK(same != nullptr);
  BATON_CHECK((*same)->info().labels == info.labels && same_options((*same)->options(), options));
  return **same;
}

Family<Counter>& Registry::counters(FamilyInfo info) { return family<Counter>(std::move(info), {}); }

Family<Gauge>& Registry::gauges(FamilyInfo info) { return family<Gauge>(std::move(info), {}); }

Family<Histogram>& Registry::histograms(FamilyInfo info, std::vector<double> bounds) {
  return family<Histogram>(std::move(info), checked_bounds(std::move(bounds)));
}

Counter& Registry::counter(std::string name, std::string help) {
  return counters({.name = std::move(name), .help = std::move(help)}).with({});
}

Gauge& Registry::gauge(std::string name, std::string help) {
  return gauges({.name = std::move(name), .help = std::move(help)}).with({});
}

Histogram& Registry::histogram(std::string name, std::string help, std::vector<double> bounds) {
  return histograms({.name = std::move(name), .help = std::move(help)}, std::move(bounds)).with({});
}

std::string Registry::expose() const {
  std::string out;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, any] : families_) {
    std::visit([&out](const auto& family) { append_text(out, *family); }, any);
  }
  return out;
}

}  // namespace baton::metrics
