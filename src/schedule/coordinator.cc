#include "schedule/coordinator.h"

#include "schedule/life_cycle.h"

namespace baton::schedule {

struct Coordinator::State {
  LifeCycle life;
};

Coordinator::Coordinator(CoordinatorOptions options) : state_(new State{LifeCycle(std::move(options))}) {}
Coordinator::~Coordinator() = default;
Coordinator::Coordinator(Coordinator&&) noexcept = default;
Coordinator& Coordinator::operator=(Coordinator&&) noexcept = default;

std::span<const Command> Coordinator::handle(const Event& event, TimePoint now) {
  return state_->life.handle(event, now);
}

TimePoint Coordinator::next_deadline() const { return state_->life.next_deadline(); }
bool Coordinator::ready() const { return state_->life.ready(); }
const CoordinatorStats& Coordinator::stats() const { return state_->life.stats(); }
void Coordinator::observe_placements(PlacementObserver observer) {
  state_->life.observe_placements(std::move(observer));
}

}  // namespace baton::schedule
