#pragma once

#include <cstdint>
#include <vector>

#include "sim/time.h"

namespace baton::sim {

using FlowId = std::uint32_t;

/// KV transfers between workers that share what their adapters can do. Each adapter divides its outgoing and its
/// incoming bandwidth evenly among the flows that move; a flow goes at the lesser of its two shares. (Max-min fairness
/// would hand on what a flow slowed elsewhere leaves over: this is a little pessimistic.)
///
/// Flows are fed bytes as they are computed and rest in between. Not a clock: whoever drives it calls settle() at
/// the instants that changed() names.
class Links {
 public:
  /// Bytes per second of each worker's adapter, one direction; 0: unlimited.
  explicit Links(std::vector<double> bytes_per_s);

  /// `most`: bytes per second that the path between them carries for one flow; 0: as the adapters do.
  FlowId open(std::uint32_t from, std::uint32_t to, double most);
  /// More bytes to move.
  void feed(FlowId flow, double bytes, Nanos now);
  void close(FlowId flow, Nanos now);
  /// Scales an adapter's bandwidth, for a fault; 1 is healthy.
  void degrade(std::uint32_t worker, double factor, Nanos now);

  /// Call at `at` of a Due; false if the flow changed meanwhile and another Due replaced it. True: it has moved all it
  /// was fed, and rests.
  bool settle(FlowId flow, std::uint32_t version, Nanos now);

  struct Due {
    FlowId flow;
    std::uint32_t version;
    Nanos at;
  };
  /// When flows whose speed changed since the last call will have moved everything. Valid until the next change.
  const std::vector<Due>& changed() const { return due_; }
  void clear_changed() { due_.clear(); }

  double moved_bytes() const { return moved_; }
  std::uint32_t from(FlowId flow) const { return flows_[flow].from; }
  std::uint32_t to(FlowId flow) const { return flows_[flow].to; }
  std::size_t open_flows() const { return open_; }

 private:
  struct Flow {
    std::uint32_t from = 0, to = 0, version = 0;
    double left = 0, rate = 0, most = 0;
    Nanos since = 0;
    bool moving = false;
  };
  struct Adapter {
    double bytes_per_s = 0;
    double factor = 1;
    std::vector<FlowId> out, in;  ///< that move
  };
  double share(double capacity, std::size_t flows) const;
  void start(FlowId flow, Nanos now);
  void rest(FlowId flow, Nanos now);
  void reshare(std::uint32_t from, std::uint32_t to, Nanos now);
  void retime(FlowId flow, Nanos now);
  void advance(Flow& flow, Nanos now);

  std::vector<Adapter> adapters_;
  std::vector<Flow> flows_;
  std::vector<FlowId> free_;
  std::vector<Due> due_;
  double moved_ = 0;
  std::size_t open_ = 0;
};

}  // namespace baton::sim
