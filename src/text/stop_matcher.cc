#include "text/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace baton::text {

StopMatcher::StopMatcher(StopOptions options) : stops_(std::move(options.stops)), include_stop_(options.include_stop) {
  std::erase(stops_, "");
}

StopMatcher::Step StopMatcher::feed(std::string_view text) { return advance(text, 0); }

StopMatcher::Step StopMatcher::feed_unchecked(std::string_view text) {
  return advance(text, held_.size() + text.size() + 1);
}

// Only matches that end at `earliest_end` of held text plus `text` or later count.
StopMatcher::Step StopMatcher::advance(std::string_view text, std::size_t earliest_end) {
  if (stopped_) return {};
  held_ += text;
  std::size_t best = held_.npos;
  const std::string* winner = nullptr;
  for (const std::string& stop : stops_) {
    std::size_t at = held_.find(stop);
    while (at != held_.npos && at + stop.size() < earliest_end) at = held_.find(stop, at + 1);
    if (at == held_.npos) continue;
    if (winner == nullptr || at < best || (at == best && stop.size() > winner->size())) {
      best = at;
      winner = &stop;
    }
  }
  if (winner != nullptr) {
    stopped_ = true;
    held_.resize(best + (include_stop_ ? winner->size() : 0));
    return {std::exchange(held_, {}), *winner};
  }
  const std::size_t keep = held_suffix();
  Step step{held_.substr(0, held_.size() - keep), std::nullopt};
  held_.erase(0, held_.size() - keep);
  return step;
}

// Length of the longest suffix that is a proper prefix of a stop string.
std::size_t StopMatcher::held_suffix() const {
  std::size_t longest = 0;
  for (const std::string& stop : stops_) {
    for (std::size_t size = std::min(stop.size() - 1, held_.size()); size > longest; --size) {
      if (held_.ends_with(std::string_view(stop).substr(0, size))) longest = size;
    }
  }
  return longest;
}

std::string StopMatcher::finish() { return std::exchange(held_, {}); }

}  // namespace baton::text
