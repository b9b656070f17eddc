#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "metrics/instruments.h"

namespace baton::metrics {

/// Content-Type of Registry::expose().
inline constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";
/// Label value of the series that takes what a full family can no longer tell apart.
inline constexpr std::string_view kOverflowLabel = "other";

/// What a family is called. `name` and `labels` follow Prometheus' grammar; `le` is reserved for histograms.
struct FamilyInfo {
  std::string name;
  std::string help;
  std::vector<std::string> labels = {};
  std::size_t max_series = 1000;  ///< distinct label values; beyond, every label is kOverflowLabel
};

/// All series of one name: T is Counter, Gauge or Histogram. Thread-safe. References live as long as the registry,
/// so hot paths look their series up once.
template <class T>
class Family {
 public:
  Family(FamilyInfo info, typename T::Options options) : info_(std::move(info)), options_(std::move(options)) {}

  /// The series with these label values (as many as there are labels), made when first asked for.
  T& with(std::span<const std::string_view> values);
  T& with(std::initializer_list<std::string_view> values) { return with(std::span(values.begin(), values.size())); }

  /// Calls `visit` for every series in order of label values. with() blocks meanwhile.
  void each(const std::function<void(std::span<const std::string>, const T&)>& visit) const;

  const FamilyInfo& info() const { return info_; }
  const typename T::Options& options() const { return options_; }

 private:
  FamilyInfo info_;
  typename T::Options options_;
  mutable std::mutex mutex_;
  std::map<std::vector<std::string>, std::unique_ptr<T>> series_;
};

extern template class Family<Counter>;
extern template class Family<Gauge>;
extern template class Family<Histogram>;

/// Owns every family of a process; main makes one and hands out references. Thread-safe. Asking again for a name
/// returns the same family; asking for it with another type, other labels or other bounds is a defect (checked), and
/// so is a name outside the grammar.
class Registry {
 public:
  Family<Counter>& counters(FamilyInfo info);
  Family<Gauge>& gauges(FamilyInfo info);
  Family<Histogram>& histograms(FamilyInfo info, std::vector<double> bounds);

  /// Families of one unlabelled series.
  Counter& counter(std::string name, std::string help);
  Gauge& gauge(std::string name, std::string help);
  Histogram& histogram(std::string name, std::string help, std::vector<double> bounds);

  /// Everything in Prometheus text format 0.0.4, families by name, series by label values.
  std::string expose() const;

 private:
  using AnyFamily =
      std::variant<std::unique_ptr<Family<Counter>>, std::unique_ptr<Family<Gauge>>, std::unique_ptr<Family<Histogram>>>;

  template <class T>
  Family<T>& family(FamilyInfo info, typename T::Options options);

  mutable std::mutex mutex_;
  std::map<std::string, AnyFamily> families_;
};

}  // namespace baton::metrics
