#pragma once

#include <concepts>
#include <limits>
#include <type_traits>

#include "schedule/coordinator.h"
#include "schedule/log_archive.h"

namespace baton::schedule {

// Every recorded struct taken apart, for LogOutput and LogInput alike. A field more or less does not compile here: then
// raise kEventLogVersion.

template <class S, class T>
concept Of = std::same_as<std::remove_const_t<S>, T>;

// The largest value of each recorded enumeration. LogInput is named for argument-dependent lookup.
constexpr std::uint64_t largest_of(Role, LogInput&) { return static_cast<std::uint64_t>(Role::both); }
constexpr std::uint64_t largest_of(Mode, LogInput&) { return static_cast<std::uint64_t>(Mode::local); }
constexpr std::uint64_t largest_of(FinishReason, LogInput&) { return static_cast<std::uint64_t>(FinishReason::length); }
constexpr std::uint64_t largest_of(PlacementPolicy, LogInput&) { return static_cast<std::uint64_t>(PlacementPolicy::cost); }
constexpr std::uint64_t largest_of(Constraint::Kind, LogInput&) { return static_cast<std::uint64_t>(Constraint::Kind::choice); }
constexpr std::uint64_t largest_of(Errc, LogInput&) { return kErrcTable.size() - 1; }

void fields_of(Of<RequestId> auto& id, auto& v) { v(id.value); }
void fields_of(Of<AttemptId> auto& id, auto& v) { v(id.value); }
void fields_of(Of<WorkerId> auto& id, auto& v) { v(id.value); }
template <class A, class B>
void fields_of(std::pair<A, B>& p, auto& v) { v(p.first, p.second); }
template <class A, class B>
void fields_of(const std::pair<A, B>& p, auto& v) { v(p.first, p.second); }

// Requests.
void fields_of(Of<Constraint> auto& s, auto& v) { auto& [a, b] = s; v(a, b); }
void fields_of(Of<SamplingParams> auto& s, auto& v) {
  auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r] = s;
  v(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r);
}
void fields_of(Of<GenerationSpec> auto& s, auto& v) { auto& [a, b, c] = s; v(a, b, c); }
void fields_of(Of<TokenLogprob> auto& s, auto& v) { auto& [a, b] = s; v(a, b); }
void fields_of(Of<TokenOut> auto& s, auto& v) { auto& [a, b, c, d, e, f, g] = s; v(a, b, c, d, e, f, g); }
void fields_of(Of<PromptLogprobs::Entry> auto& s, auto& v) { auto& [a, b] = s; v(a, b); }
void fields_of(Of<PromptLogprobs> auto& s, auto& v) { auto& [a, b, c] = s; v(a, b, c); }
void fields_of(Of<Error> auto& s, auto& v) { auto& [a, b, c, d] = s; v(a, b, c, d); }
void fields_of(Of<TokenRange> auto& s, auto& v) { auto& [a, b] = s; v(a, b); }
void fields_of(Of<classify::Features> auto& s, auto& v) {
  auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = s;
  v(a, b, c, d, e, f, g, h, i, j, k, l, m, n);
}

// Workers.
void fields_of(Of<perf::ModelShape> auto& s, auto& v) {
  auto& [a, b, c, d, e, f, g, h, i, j] = s;
  v(a, b, c, d, e, f, g, h, i, j);
}
void fields_of(Of<perf::AllReduce> auto& s, auto& v) { auto& [a, b] = s; v(a, b); }
void fields_of(Of<perf::StepConstants> auto& s, auto& v) { auto& [a, b, c, d] = s; v(a, b, c, d); }
void fields_of(Of<perf::Replica> auto& s, auto& v) {
  auto& [a, b, c, d, e, f, g, h, i, j, k] = s;
  v(a, b, c, d, e, f, g, h, i, j, k);
}
void fields_of(Of<perf::StepRows> auto& s, auto& v) { auto& [a, b, c, d] = s; v(a, b, c, d); }
void fields_of(Of<perf::StepSample> auto& s, auto& v) { auto& [a, b] = s; v(a, b); }
void fields_of(Of<cluster::WorkerInfo> auto& s, auto& v) {
  auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = s;
  v(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o);
}
void fields_of(Of<cluster::CacheDelta> auto& s, auto& v) { auto& [a, b, c] = s; v(a, b, c); }
void fields_of(Of<cluster::WorkerLoad> auto& s, auto& v) { auto& [a, b, c, d, e, f] = s; v(a, b, c, d, e, f); }

// Options.
void fields_of(Of<SloConfig> auto& s, auto& v) { auto& [a, b] = s; v(a, b); }
void fields_of(Of<ClassConfig> auto& s, auto& v) {
  auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = s;
  v(a, b, c, d, e, f, g, h, i, j, k, l, m, n);
}
void fields_of(Of<SchedulingConfig> auto& s, auto& v) {
  auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = s;
  v(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o);
}
void fields_of(Of<FaultConfig> auto& s, auto& v) { auto& [a, b, c, d, e] = s; v(a, b, c, d, e); }
void fields_of(Of<classify::LengthOptions> auto& s, auto& v) { auto& [a, b, c] = s; v(a, b, c); }
void fields_of(Of<CoordinatorOptions> auto& s, auto& v) {
  auto& [a, b, c, d, e, f, g, h, i, j, k] = s;
  v(a, b, c, d, e, f, g, h, i, j, k);
}

// Events whose members are plain. Arrive and TokensIn borrow or share: event_log.cc sees to them.
void fields_of(Of<WorkerUp> auto& s, auto& v) { auto& [a, b] = s; v(a, b); }
void fields_of(Of<WorkerDown> auto& s, auto& v) { v(s.worker); }
void fields_of(Of<WorkerDraining> auto& s, auto& v) { v(s.worker); }
void fields_of(Of<LoadReport> auto& s, auto& v) { auto& [a, b] = s; v(a, b); }
void fields_of(Of<Abandon> auto& s, auto& v) { auto& [a, b] = s; v(a, b); }
void fields_of(Of<TicketIn> auto& s, auto& v) { auto& [a, b, c] = s; v(a, b, c); }
void fields_of(Of<PromptLogprobsIn> auto& s, auto& v) { auto& [a, b] = s; v(a, b); }
void fields_of(Of<PrefilledIn> auto& s, auto& v) { auto& [a, b, c] = s; v(a, b, c); }
void fields_of(Of<HandedIn> auto& s, auto& v) { auto& [a, b, c, d] = s; v(a, b, c, d); }
void fields_of(Of<FailedIn> auto& s, auto& v) { auto& [a, b, c] = s; v(a, b, c); }
void fields_of(Of<Tick> auto&, auto&) {}
void fields_of(Of<StartDrain> auto&, auto&) {}

}  // namespace baton::schedule
