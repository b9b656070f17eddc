#include "kv/cache_log.h"

#include <unordered_map>
#include <utility>

namespace baton::kv {

CacheChanges CacheLog::take() {
  CacheChanges out{.added = {}, .removed = {}, .overflow = std::exchange(overflow_, false)};
  // The first and the last event of a prefix alternate: equal ones leave a change, different ones none.
  struct Span {
    bool first, last;
  };
  std::unordered_map<PrefixHash, Span> spans;
  if (!out.overflow) {
    for (const Entry& entry : entries_) {
      spans.try_emplace(entry.prefix, entry.is_added, entry.is_added).first->second.last = entry.is_added;
    }
    // In order of events, so that equal histories give equal reports.
    for (const Entry& entry : entries_) {
      const auto found = spans.find(entry.prefix);
      if (found == spans.end()) continue;
      const Span span = found->second;
      spans.erase(found);
      if (span.first != span.last) continue;
      (span.last ? out.added : out.removed).push_back(entry.prefix);
    }
  }
  entries_.clear();
  return out;
}

}  // namespace baton::kv
