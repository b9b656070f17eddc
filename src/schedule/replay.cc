#include <unordered_set>

#include "schedule/event_log.h"
#include "schedule/explain_placement.h"
#include "schedule/placement.h"

namespace baton::schedule {

namespace {

/// What a Coordinator may rely on and a damaged log might break.
class Sanity {
 public:
  std::string problem(const LogRecord& record) {
    if (record.at < last_) return "time runs backwards";
    last_ = record.at;
    if (const auto* arrive = std::get_if<Arrive>(&record.event)) {
      if (!seen_.insert(arrive->request.value).second) return "a request arrives twice";
    }
    if (const auto* up = std::get_if<WorkerUp>(&record.event)) {
      const WorkerInfo& info = up->info;
      if (info.block_tokens < 1 || info.total_blocks < 0 || info.max_batch < 0 || info.max_context < 0) {
        return "a worker of impossible size";
      }
    }
    return {};
  }

 private:
  std::unordered_set<std::uint64_t> seen_;
  TimePoint last_ = TimePoint::min();
};

void add(WhatIf::Sums& sums, const cluster::Snapshot& snapshot, const Ask& ask, const Decision& decision) {
  const PathTerms path = explain_placement(snapshot, ask, decision, [](WorkerId) { return std::string(); }).chosen;
  sums.ttft_s += path.ttft_s;
  sums.itl_s += path.itl_s;
  sums.dollars += path.dollars;
  sums.violation += path.violation;
  sums.split += path.mode == Mode::split ? 1 : 0;
}

/// Asks the other policy whatever the Coordinator asks its own.
PlacementObserver comparison(PlacementPolicy other, WhatIf& out) {
  return [policy = make_policy(other), &out](const cluster::Snapshot& snapshot, const Ask& ask, const Decision& decision) {
    ++out.placements;
    const auto theirs = place(policy, snapshot, ask);
    if (!theirs) {
      ++out.impossible;
      return;
    }
    const bool same = theirs->mode == decision.mode && theirs->prefill == decision.prefill && theirs->decode == decision.decode;
    out.different += same ? 0 : 1;
    add(out.recorded, snapshot, ask, decision);
    add(out.other, snapshot, ask, *theirs);
  };
}

}  // namespace

Result<Replay> replay(std::string_view log, std::optional<PlacementPolicy> other) {
  auto reader = EventReader::open(log);
  if (!reader) return std::unexpected(reader.error());
  Coordinator coordinator(reader->options());
  Sanity sanity;
  Replay out;
  out.policy = reader->options().scheduling.policy;
  if (other) coordinator.observe_placements(comparison(*other, out.what_if));
  for (;;) {
    const auto next = reader->next();
    if (!next) return std::unexpected(next.error());
    if (*next == nullptr) break;
    const LogRecord& record = **next;
    if (const std::string problem = sanity.problem(record); !problem.empty()) {
      return fail(Errc::corrupt_file, "record " + std::to_string(reader->records()) + " of the event log: " + problem);
    }
    const auto commands = coordinator.handle(record.event, record.at);
    ++out.events;
    out.placements += record.placements.size();
    if (out.difference || digest_of(commands) == record.digest) continue;
    out.difference = {reader->records(), record.at, record.placements, placements_of(commands)};
  }
  out.truncated = reader->truncated();
  out.stats = coordinator.stats();
  return out;
}

}  // namespace baton::schedule
