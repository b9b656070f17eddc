#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

/// Values that are measured. Every method is thread-safe and lock-free; readers may see one update of two.
namespace baton::metrics {

/// Counts upwards from zero.
class Counter {
 public:
  struct Options {};
  explicit Counter(const Options& /*none*/ = {}) {}

  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A value that goes up and down.
class Gauge {
 public:
  struct Options {};
  explicit Gauge(const Options& /*none*/ = {}) {}

  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  void add(double delta) { value_.fetch_add(delta, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0.0};
};

/// Observations counted in fixed buckets; the last bucket (+Inf) takes what is above every bound, and NaN.
class Histogram {
 public:
  /// `bounds`: upper bounds (inclusive), finite, strictly ascending; may be empty. Shared by a family's series.
  struct Options {
    std::shared_ptr<const std::vector<double>> bounds;
  };
  explicit Histogram(const Options& options);

  void observe(double value);

  std::span<const double> bounds() const { return *bounds_; }
  /// Observations in bucket i (not cumulative), 0 <= i <= bounds().size().
  std::uint64_t bucket(std::size_t i) const { return buckets_[i].load(std::memory_order_relaxed); }
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::shared_ptr<const std::vector<double>> bounds_;
  std::vector<std::atomic<std::uint64_t>> buckets_;
  std::atomic<double> sum_{0.0};
};

/// `count` bounds: start, start·factor, start·factor², … (start > 0, factor > 1).
std::vector<double> exponential_bounds(double start, double factor, int count);

/// Bounds in seconds that fit everything from one token to a whole long answer: 1 ms to 2 min.
std::vector<double> latency_bounds_s();

}  // namespace baton::metrics
