#pragma once

#include <cstddef>
#include <vector>

#include "kv/prefix_hash.h"

namespace baton::kv {

/// How a prefix cache changed. A prefix is in at most one list.
struct CacheChanges {
  std::vector<PrefixHash> added, removed;
  bool overflow = false;  ///< more changed than the log holds: the lists are empty and mean nothing
};

/// The changes of a prefix cache since they were last taken, at most kMost of them. Allocates at construction and in
/// take() only. Single-threaded.
class CacheLog {
 public:
  static constexpr std::size_t kMost = 8192;

  CacheLog() { entries_.reserve(kMost); }
  void added(PrefixHash prefix) { append({prefix, true}); }
  void removed(PrefixHash prefix) { append({prefix, false}); }
  /// What is different now from the last call: a prefix that came and went is in neither list.
  CacheChanges take();

 private:
  struct Entry {
    PrefixHash prefix;
    bool is_added;
  };
  void append(Entry entry) {
    if (entries_.size() < kMost) {
      entries_.push_back(entry);
    } else {
      overflow_ = true;
    }
  }

  std::vector<Entry> entries_;
  bool overflow_ = false;
};

}  // namespace baton::kv
