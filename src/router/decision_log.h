#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "schedule/explain.h"

namespace baton::router {

/// The placements of the last requests with their reasons, for operators (scheduling.explain). Shared by the shards;
/// thread-safe.
class DecisionLog {
 public:
  /// `enabled` false: nothing is explained and nothing kept.
  explicit DecisionLog(bool enabled) : enabled_(enabled) {}
  bool enabled() const { return enabled_; }

  void add(std::string request, std::shared_ptr<const schedule::Explanation> why);
  /// {"decisions":[{"request":…,"decision":{…}}, …]}, newest first; only those of `request` unless it is empty.
  std::string to_json(std::string_view request) const;

  static constexpr std::size_t kKept = 256;

 private:
  struct Entry {
    std::string request;
    std::shared_ptr<const schedule::Explanation> why;
  };
  const bool enabled_;
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;  ///< newest first
};

/// `why` as one line of JSON for a response header: candidates beyond the best few are left out.
std::string header_value(const schedule::Explanation& why);

}  // namespace baton::router
