#include <benchmark/benchmark.h>

#include "sim/simulation.h"
#include "sim/synthetic.h"

namespace baton::sim {
namespace {

WorkerSpec worker(std::size_t i, Role role) {
  WorkerSpec spec;
  spec.info.name = "w" + std::to_string(i);
  spec.info.role = role;
  spec.info.total_blocks = 20'000;
  spec.info.max_batch = 128;
  spec.info.max_context = 32'000;
  spec.truth.shape = {.parameters = 8e9, .layers = 32, .hidden = 4096, .q_heads = 32, .kv_heads = 8, .head_dim = 128};
  spec.truth.flops = 989e12;
  spec.truth.bandwidth = 3.35e12;
  spec.nic_bytes_per_s = 25e9;
  return spec;
}

/// Happenings and tokens per second of one core; the argument is the number of workers, a quarter of them for prefill.
void simulated_events(benchmark::State& state, Fidelity fidelity) {
  SimOptions options;
  options.fidelity = fidelity;
  options.coordinator.scheduling.policy = PlacementPolicy::least_loaded;
  const auto workers = static_cast<std::size_t>(state.range(0));
  for (std::size_t i = 0; i < workers; ++i) options.workers.push_back(worker(i, i < workers / 4 ? Role::prefill : Role::decode));
  const Workload load = synthesize({.rate = 12.0 * static_cast<double>(workers), .count = 4000, .tenants = {{.prompt_mean = 600, .output_mean = 200}}});
  std::uint64_t events = 0;
  for (auto _ : state) events += simulate(options, load).events;
  state.counters["events/s"] = benchmark::Counter(static_cast<double>(events), benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(simulated_events, batch, Fidelity::batch)->Arg(4)->Arg(16)->Arg(64)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(simulated_events, fluid, Fidelity::fluid)->Arg(64)->Arg(1250)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace baton::sim
