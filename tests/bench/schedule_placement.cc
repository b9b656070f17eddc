#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "cluster/links.h"
#include "cluster/membership.h"
#include "schedule/placement.h"

namespace baton::schedule {
namespace {

/// A quarter of the workers prefills. Two kinds of GPU, four racks, mixed load, every third worker with a part of the
/// prompt cached.
class BenchCluster {
 public:
  explicit BenchCluster(std::int64_t workers) {
    for (std::int64_t i = 0; i < workers; ++i) add(i, workers);
  }
  const cluster::Snapshot& snapshot() const { return members_.snapshot(); }
  Ask ask() const {
    Ask ask{.tokens = 1000};
    ask.output_mean = 200;
    ask.output_p90 = 500;
    ask.slo = {.ttft_ms = 2000, .itl_ms = 60};
    ask.cached = hits_;
    ask.links = &links_;
    ask.hold_s = 1;
    return ask;
  }

 private:
  void add(std::int64_t i, std::int64_t workers) {
    const WorkerId id{static_cast<std::uint32_t>(i)};
    cluster::WorkerInfo info;
    info.role = i < std::max<std::int64_t>(workers / 4, 1) ? Role::prefill : Role::decode;
    info.model_hash = "model";
    info.total_blocks = 10'000;
    info.max_batch = 64;
    info.max_context = 131'072;
    info.rack = std::to_string(i % 4);
    info.replica = cluster::neutral_replica();
    if (i % 2 == 0) info.replica->bandwidth *= 0.5;
    members_.up(id, info);
    members_.report(id, {.free_blocks = 5000, .running = static_cast<std::int32_t>(i * 7 % 50), .waiting = 1,
                         .waiting_prefill_tokens = i * 13 % 900});
    if (i % 3 == 0) hits_.push_back({id, 10});
  }

  cluster::Membership members_;
  std::vector<cluster::PrefixHit> hits_;
  cluster::LinkTable links_{{perf::Link{20e9, 1e-5}, perf::Link{12e9, 2e-5}, perf::Link{6e9, 1e-4}, perf::Link{1e9, 1e-3}}};
};

/// One decision of the cost policy; the argument is the number of workers.
void cost_decision(benchmark::State& state) {
  const BenchCluster cluster(state.range(0));
  Ask ask = cluster.ask();
  for (auto _ : state) {
    ask.random += 0x9e3779b97f4a7c15ULL;
    benchmark::DoNotOptimize(CheapestPath{}(cluster.snapshot(), ask));
  }
}
BENCHMARK(cost_decision)->Arg(10)->Arg(100)->Arg(1000);

/// Who holds the start of a prompt of 4,000 tokens, which a tenth of the workers shares.
void prefix_match(benchmark::State& state) {
  cluster::PrefixMap map;
  std::vector<std::uint64_t> hashes(250);
  for (std::size_t i = 0; i < hashes.size(); ++i) hashes[i] = 1000 + i;
  for (std::int64_t w = 0; w < state.range(0); w += 10) {
    map.add(WorkerId{static_cast<std::uint32_t>(w)}, std::span(hashes).first(static_cast<std::size_t>(w % 250 + 1)));
  }
  for (auto _ : state) benchmark::DoNotOptimize(map.match(hashes));
}
BENCHMARK(prefix_match)->Arg(10)->Arg(1000);

}  // namespace
}  // namespace baton::schedule

BENCHMARK_MAIN();
