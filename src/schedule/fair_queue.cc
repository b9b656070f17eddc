#include "schedule/fair_queue.h"

#include <algorithm>
#include <tuple>

#include "core/check.h"

namespace baton::schedule {

namespace {

constexpr double kInputWeight = 1, kOutputWeight = 2;
constexpr std::int64_t kMostSteps = 1000;  // of ageing

}  // namespace

/// A tenant that was away starts where the least served of those present are, their running requests not counted.
FairQueue::Tenant& FairQueue::enter(std::uint64_t id) {
  if (tenants_.size() >= kMaxTenants && !tenants_.contains(id)) {
    std::erase_if(tenants_, [](const auto& entry) { return entry.second.present == 0; });
  }
  Tenant& tenant = tenants_[id];
  if (tenant.present++ == 0) {
    double least = -1;
    for (const auto& [other, state] : tenants_) {
      const double settled = state.served - state.open;
      if (other != id && state.present > 0 && (least < 0 || settled < least)) least = settled;
    }
    tenant.served = std::max(tenant.served, least);
  }
  return tenant;
}

void FairQueue::leave(std::uint64_t id) {
  const auto tenant = tenants_.find(id);
  BATON_CHECK(tenant != tenants_.end() && tenant->second.present > 0);
  --tenant->second.present;
}

void FairQueue::push(Request& request) {
  const auto [at, added] = lines_[{request.priority, request.tenant}].emplace(request.order, &request);
  BATON_CHECK(added);
  enter(request.tenant);
  ++size_;
}

bool FairQueue::erase(Request& request) {
  const auto line = lines_.find({request.priority, request.tenant});
  if (line == lines_.end() || line->second.erase(request.order) == 0) return false;
  if (line->second.empty()) lines_.erase(line);
  leave(request.tenant);
  --size_;
  return true;
}

std::int64_t FairQueue::effective_priority(const Request& request, TimePoint now) const {
  if (ageing_ <= Duration::zero() || now <= request.arrived_at) return request.priority;
  return request.priority + std::min(kMostSteps, std::int64_t{(now - request.arrived_at) / ageing_});
}

Request* FairQueue::front(TimePoint now) const {
  Request* best = nullptr;
  std::tuple<std::int64_t, double, std::uint64_t> best_rank;
  for (const auto& [key, line] : lines_) {
    Request* head = line.begin()->second;
    const std::tuple rank{-effective_priority(*head, now), tenants_.at(key.tenant).served, head->order};
    if (best != nullptr && rank >= best_rank) continue;
    best = head;
    best_rank = rank;
  }
  return best;
}

std::size_t FairQueue::ahead_of(std::int32_t priority, std::uint64_t tenant) const {
  std::size_t own = 0;
  for (auto at = lines_.lower_bound({priority, 0}); at != lines_.end(); ++at) {
    if (at->first.tenant == tenant) own += at->second.size();
  }
  std::size_t ahead = own;
  for (auto at = lines_.lower_bound({priority, 0}); at != lines_.end(); ++at) {
    if (at->first.tenant == tenant) continue;
    ahead += at->first.priority > priority ? at->second.size() : std::min(at->second.size(), own + 1);
  }
  return ahead;
}

void FairQueue::charge(Request& request, double expected_output) {
  request.charged = kInputWeight * static_cast<double>(request.tokens()) + kOutputWeight * expected_output;
  request.delivered_when_charged = request.delivered.size();
  Tenant& tenant = enter(request.tenant);
  tenant.served += request.charged;
  tenant.open += request.charged;
}

void FairQueue::settle(Request& request) {
  if (request.charged <= 0) return;
  const auto output = static_cast<double>(request.delivered.size() - request.delivered_when_charged);
  const auto input = static_cast<double>(request.spec->tokens.size() + request.delivered_when_charged);
  Tenant& tenant = tenants_.at(request.tenant);
  tenant.served += kInputWeight * input + kOutputWeight * output - request.charged;
  tenant.open -= request.charged;
  leave(request.tenant);
  request.charged = 0;
}

}  // namespace baton::schedule
