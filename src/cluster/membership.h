#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "cluster/snapshot.h"

namespace baton::cluster {

/// The worker table of one router shard. Pure: no clock, no sockets. Not thread-safe; the shard's thread owns it.
/// Events about workers it does not know, or that are down, change nothing.
class Membership {
 public:
  /// A connection is being made; the worker cannot be placed on yet.
  void connecting(WorkerId worker);
  /// The hello was answered. Until the first report all its blocks count as free. The bookings of an earlier
  /// incarnation must have been released before.
  void up(WorkerId worker, WorkerInfo info);
  /// No new attempts there; the running ones finish.
  void draining(WorkerId worker);
  /// Connection lost. Its bookings must have been released before.
  void down(WorkerId worker);
  void report(WorkerId worker, const WorkerLoad& load);

  void book(WorkerId worker, const Booking& booking);
  void release(WorkerId worker, const Booking& booking);
  /// The worker had no room for `tokens`: its estimate of free blocks stays below that until something ends there or
  /// it reports anew.
  void refused(WorkerId worker, std::int64_t tokens);

  /// The live view: valid until the next change. Copy it to keep it.
  const Snapshot& snapshot() const { return snapshot_; }
  const WorkerView* find(WorkerId worker) const { return snapshot_.find(worker); }
  /// What the worker said of itself when it last came up; nullptr if it never did.
  const WorkerInfo* info(WorkerId worker) const;

 private:
  WorkerView* mutable_find(WorkerId worker);
  WorkerView& row(WorkerId worker);
  void set_state(WorkerView& view, WorkerState state);
  std::uint32_t group_of(const WorkerInfo& info);

  struct GroupKey {
    std::string model_hash;
    std::int32_t block_tokens = 0;
    friend bool operator==(const GroupKey&, const GroupKey&) = default;
  };

  Snapshot snapshot_;
  std::vector<GroupKey> group_keys_;  ///< parallel to snapshot_.groups
  std::unordered_map<WorkerId, WorkerInfo> infos_;
};

}  // namespace baton::cluster
