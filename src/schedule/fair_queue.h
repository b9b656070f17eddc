#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>

#include "core/clock.h"
#include "schedule/request.h"

namespace baton::schedule {

/// Requests that wait in the router, and who is next: the highest priority, where waiting counts too; among equals the
/// tenant that was served least; of its requests the oldest.
///
/// Fairness is the virtual token counter (Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024): each
/// tenant's counter grows by the tokens served to it, output weighing twice as much as input; a tenant that was away
/// comes back at the level of what was fully served to the others meanwhile, so that nobody saves up. Output is charged as
/// predicted when a request starts and corrected when it ends.
class FairQueue {
 public:
  /// `ageing`: waiting that long counts like one step of priority; 0: waiting does not count.
  explicit FairQueue(Duration ageing) : ageing_(ageing) {}

  void push(Request& request);
  /// False if it does not wait here.
  bool erase(Request& request);
  Request* front(TimePoint now) const;
  std::size_t size() const { return size_; }
  /// Requests that would be served before a newcomer of this priority and tenant, if nobody else came: at most those
  /// of no lower priority, and about as many of each other tenant as its own has.
  std::size_t ahead_of(std::int32_t priority, std::uint64_t tenant) const;

  /// The request was dispatched: its tenant is charged for it until settle(), which says what it really took.
  void charge(Request& request, double expected_output);
  void settle(Request& request);
  std::size_t tenants() const { return tenants_.size(); }

  static constexpr std::size_t kMaxTenants = 4096;  ///< idle ones beyond are forgotten

 private:
  struct Tenant {
    double served = 0;         ///< virtual tokens
    double open = 0;           ///< of them charged and not settled
    std::int32_t present = 0;  ///< requests waiting or charged
  };
  using Line = std::map<std::uint64_t, Request*>;  ///< by order of arrival
  struct Key {
    std::int32_t priority = 0;
    std::uint64_t tenant = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  Tenant& enter(std::uint64_t tenant);
  void leave(std::uint64_t tenant);
  std::int64_t effective_priority(const Request& request, TimePoint now) const;

  Duration ageing_;
  std::map<Key, Line> lines_;  ///< none is empty
  std::unordered_map<std::uint64_t, Tenant> tenants_;
  std::size_t size_ = 0;
};

}  // namespace baton::schedule
