#pragma once

#include <string>
#include <vector>

#include "baton/config.h"
#include "config/keys.h"

namespace baton::config {

/// A key whose value differs, and what that takes to apply.
struct ValueChange {
  std::string key;  ///< "limits.body_bytes"; inside a worker just "dtype"
  Apply apply = Apply::restart;
  friend bool operator==(const ValueChange&, const ValueChange&) = default;
};

/// The same worker (host and port) with other settings.
struct WorkerChange {
  WorkerConfig before;
  WorkerConfig after;
  std::vector<ValueChange> values;
  bool needs_worker_restart() const;
};

/// What a reload has to do. Workers are told apart by host and port, so one that moved counts as removed and added.
struct ConfigDiff {
  std::vector<WorkerConfig> added;
  std::vector<WorkerConfig> removed;
  std::vector<WorkerChange> changed;
  std::vector<ValueChange> values;  ///< outside the worker lists
  bool empty() const;
  /// Some change of `values` has no effect before router and workers restart.
  bool needs_restart() const;
};

/// Pure. `source` and `notes` do not count, nor does the order of workers.
ConfigDiff diff(const Config& before, const Config& after);

}  // namespace baton::config
