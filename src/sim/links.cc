#include "sim/links.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"

namespace baton::sim {

namespace {

constexpr double kUnlimited = 1e15;  // bytes/s
constexpr double kRest = 0.5;        // bytes that count as none

}  // namespace

Links::Links(std::vector<double> bytes_per_s) : adapters_(bytes_per_s.size()) {
  for (std::size_t i = 0; i < adapters_.size(); ++i) {
    adapters_[i].bytes_per_s = bytes_per_s[i] > 0 ? bytes_per_s[i] : kUnlimited;
  }
}

FlowId Links::open(std::uint32_t from, std::uint32_t to, double most) {
  if (free_.empty()) {
    free_.push_back(static_cast<FlowId>(flows_.size()));
    flows_.emplace_back();
  }
  const FlowId id = free_.back();
  free_.pop_back();
  Flow& flow = flows_[id];
  flow = {.from = from, .to = to, .version = flow.version + 1, .most = most > 0 ? most : kUnlimited};
  ++open_;
  return id;
}

void Links::feed(FlowId id, double bytes, Nanos now) {
  Flow& flow = flows_[id];
  advance(flow, now);
  flow.left += bytes;
  flow.moving ? retime(id, now) : start(id, now);
}

void Links::close(FlowId id, Nanos now) {
  Flow& flow = flows_[id];
  advance(flow, now);
  if (flow.moving) rest(id, now);
  ++flow.version;
  free_.push_back(id);
  --open_;
}

void Links::degrade(std::uint32_t worker, double factor, Nanos now) {
  Adapter& adapter = adapters_[worker];
  adapter.factor = std::max(factor, 1e-6);
  for (const FlowId id : std::vector(adapter.out)) retime(id, now);
  for (const FlowId id : std::vector(adapter.in)) retime(id, now);
}

bool Links::settle(FlowId id, std::uint32_t version, Nanos now) {
  Flow& flow = flows_[id];
  if (flow.version != version || !flow.moving) return false;
  advance(flow, now);
  moved_ += flow.left;  // what rounding the instant left over
  flow.left = 0;
  rest(id, now);
  return true;
}

double Links::share(double capacity, std::size_t flows) const {
  return capacity / static_cast<double>(std::max<std::size_t>(flows, 1));
}

void Links::start(FlowId id, Nanos now) {
  Flow& flow = flows_[id];
  flow.moving = true;
  flow.since = now;
  adapters_[flow.from].out.push_back(id);
  adapters_[flow.to].in.push_back(id);
  reshare(flow.from, flow.to, now);
}

void Links::rest(FlowId id, Nanos now) {
  Flow& flow = flows_[id];
  flow.moving = false;
  std::erase(adapters_[flow.from].out, id);
  std::erase(adapters_[flow.to].in, id);
  reshare(flow.from, flow.to, now);
}

/// Everyone on the two adapters gets a new share.
void Links::reshare(std::uint32_t from, std::uint32_t to, Nanos now) {
  for (const FlowId id : adapters_[from].out) retime(id, now);
  for (const FlowId id : adapters_[to].in) {
    if (flows_[id].from != from) retime(id, now);
  }
}

void Links::retime(FlowId id, Nanos now) {
  Flow& flow = flows_[id];
  advance(flow, now);
  const Adapter& from = adapters_[flow.from];
  const Adapter& to = adapters_[flow.to];
  flow.rate = std::min({flow.most * std::min(from.factor, to.factor),
                        share(from.bytes_per_s * from.factor, from.out.size()),
                        share(to.bytes_per_s * to.factor, to.in.size())});
  ++flow.version;
  const double left_ns = std::min(std::ceil(flow.left / flow.rate * 1e9), 1e18);
  due_.push_back({id, flow.version, now + static_cast<Nanos>(left_ns)});
}

void Links::advance(Flow& flow, Nanos now) {
  if (flow.moving) {
    const double moved = std::min(flow.left, flow.rate * seconds(now - flow.since));
    flow.left -= moved;
    moved_ += moved;
    if (flow.left < kRest) {
      moved_ += flow.left;
      flow.left = 0;
    }
  }
  flow.since = now;
}

}  // namespace baton::sim
