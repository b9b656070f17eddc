#pragma once

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "cluster/prefix_map.h"
#include "cluster/snapshot.h"
#include "perf/calibration.h"

namespace baton::cluster {

/// What a worker without a cost model (unknown GPU, foreign engine) is taken for: an 8-billion-parameter model on one
/// mid-range GPU at a dollar an hour. Alike among themselves, they are told apart by load; step samples correct them.
perf::Replica neutral_replica();

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
  /// Impossible counts are brought within bounds. Its step samples correct its replica at once.
  void report(WorkerId worker, const WorkerLoad& load);
  /// A worker for both roles is to serve as `role` from now on; running attempts are not touched.
  void steer(WorkerId worker, Role role);
  /// The worker computes or receives this prefix and will hold it.
  void holds(WorkerId worker, std::span<const std::uint64_t> prefix_hashes) { prefixes_.add(worker, prefix_hashes); }
  /// Who holds the start of a prompt; valid until the next call.
  std::span<const PrefixHit> prefix_hits(std::span<const std::uint64_t> hashes) { return prefixes_.match(hashes); }

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
  void place_and_price(WorkerView& view, const WorkerInfo& info);
  static void refresh(WorkerView& view);
  std::uint32_t number_of(const std::string& place);

  struct GroupKey {
    std::string model_hash;
    std::int32_t block_tokens = 0;
    friend bool operator==(const GroupKey&, const GroupKey&) = default;
  };

  Snapshot snapshot_;
  std::vector<GroupKey> group_keys_;  ///< parallel to snapshot_.groups
  std::unordered_map<WorkerId, WorkerInfo> infos_;
  std::unordered_map<WorkerId, perf::Calibrator> calibrators_;
  std::unordered_map<std::string, std::uint32_t> places_;  ///< numbers of hosts, racks and zones
  PrefixMap prefixes_;
};

}  // namespace baton::cluster
