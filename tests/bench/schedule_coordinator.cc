#include <benchmark/benchmark.h>

#include <deque>
#include <memory>
#include <vector>

#include "cluster/membership.h"
#include "schedule/coordinator.h"
#include "schedule/placement.h"

namespace baton::schedule {
namespace {

WorkerInfo info(std::int64_t number, std::int64_t workers) {
  WorkerInfo out;
  out.role = number < workers / 4 ? Role::prefill : Role::decode;
  out.model_hash = "model";
  out.total_blocks = 10'000;
  out.max_batch = 64;
  out.max_context = 131'072;
  return out;
}

/// One placement decision; the argument is the number of workers.
template <class Rule>
void decision(benchmark::State& state) {
  cluster::Membership members;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    const WorkerId id{static_cast<std::uint32_t>(i)};
    members.up(id, info(i, state.range(0)));
    members.report(id, {.free_blocks = 5000, .running = static_cast<std::int32_t>(i * 7 % 50)});
  }
  Ask ask{.tokens = 1000};
  for (auto _ : state) {
    ++ask.turn;
    ask.random += 0x9e3779b97f4a7c15ULL;
    benchmark::DoNotOptimize(Rule{}(members.snapshot(), ask));
  }
}
BENCHMARK(decision<LeastLoaded>)->Arg(10)->Arg(1000);
BENCHMARK(decision<RoundRobin>)->Arg(10)->Arg(1000);

/// Split requests from Arrive to Finish, 256 in flight, 32 tokens each; the argument is the number of workers.
void request_life(benchmark::State& state) {
  constexpr std::int32_t kTokens = 32;
  constexpr std::size_t kInFlight = 256;
  Coordinator coordinator{CoordinatorOptions{}};
  TimePoint now{1h};
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    coordinator.handle(WorkerUp{WorkerId{static_cast<std::uint32_t>(i)}, info(i, state.range(0))}, now);
  }
  auto spec = std::make_shared<GenerationSpec>();
  spec->tokens.assign(1000, 1);
  spec->sampling.max_tokens = kTokens;

  struct Flight {
    AttemptId attempt;
    WorkerId p, d;
  };
  std::deque<Flight> flights;
  std::uint64_t requests = 0, events = 0;
  const auto start = [&] {
    const auto commands = coordinator.handle(Arrive{RequestId{++requests}, spec, now + 600s}, now);
    const auto& reserve = std::get<SendReserve>(commands[0]);
    flights.push_back({reserve.attempt, std::get<SendPrefill>(commands[1]).worker, reserve.worker});
    const Flight& f = flights.back();
    coordinator.handle(TicketIn{f.d, f.attempt, "ticket"}, now);
    coordinator.handle(PrefilledIn{f.p, f.attempt, 0}, now);
    TokenOut token;
    token.attempt = f.attempt;
    coordinator.handle(TokensIn{f.p, std::span(&token, 1)}, now);
    coordinator.handle(HandedIn{f.p, f.attempt, 1}, now);
    events += 5;
  };
  while (flights.size() < kInFlight) start();
  for (auto _ : state) {
    now += 10us;
    const Flight f = flights.front();
    flights.pop_front();
    TokenOut token;
    token.attempt = f.attempt;
    for (token.index = 1; token.index < kTokens; ++token.index) {
      if (token.index + 1 == kTokens) token.finish = FinishReason::length;
      coordinator.handle(TokensIn{f.d, std::span(&token, 1)}, now);
      ++events;
    }
    start();
  }
  state.counters["events/s"] = benchmark::Counter(static_cast<double>(events), benchmark::Counter::kIsRate);
  state.counters["requests/s"] = benchmark::Counter(static_cast<double>(requests), benchmark::Counter::kIsRate);
}
BENCHMARK(request_life)->Arg(10)->Arg(1000);

/// One engine step of 64 sequences: what a token costs.
void step_of_64(benchmark::State& state) {
  constexpr std::size_t kBatch = 64;
  Coordinator coordinator{CoordinatorOptions{}};
  const TimePoint now{1h};
  coordinator.handle(WorkerUp{WorkerId{1}, WorkerInfo{}}, now);
  auto spec = std::make_shared<GenerationSpec>();
  spec->tokens.assign(100, 1);
  spec->sampling.max_tokens = std::int32_t{1} << 30;
  std::vector<TokenOut> tokens(kBatch);
  for (std::uint64_t i = 0; i < kBatch; ++i) {
    const auto commands = coordinator.handle(Arrive{RequestId{i}, spec, kNever}, now);
    tokens[i].attempt = std::get<SendGenerate>(commands[0]).attempt;
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(coordinator.handle(TokensIn{WorkerId{1}, tokens}, now));
    for (TokenOut& token : tokens) ++token.index;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
}
BENCHMARK(step_of_64);

}  // namespace
}  // namespace baton::schedule

BENCHMARK_MAIN();
