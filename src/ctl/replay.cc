#include <cerrno>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <iterator>
#include <ostream>

#include "ctl/command.h"
#include "ctl/sim_options.h"
#include "schedule/event_log.h"

namespace baton::ctl {
namespace {

constexpr std::string_view kUsageText = "usage: batonctl replay LOG [--policy NAME]\n";

void print_placements(std::ostream& out, std::string_view what, const std::vector<schedule::Placement>& placements) {
  out << "  " << what << ':';
  for (const schedule::Placement& p : placements) {
    out << " attempt " << p.attempt.value << " -> ";
    if (p.mode == Mode::split) out << 'w' << p.prefill.value << '+';
    out << 'w' << p.decode.value;
  }
  out << (placements.empty() ? " no placement\n" : "\n");
}

void print_sums(std::ostream& out, std::string_view policy, const schedule::WhatIf::Sums& sums, double count) {
  out << "  " << std::left << std::setw(14) << policy << std::right << std::fixed << std::setprecision(1) << std::setw(12)
      << sums.ttft_s / count * 1e3 << std::setw(12) << sums.itl_s / count * 1e3 << std::setprecision(4) << std::setw(14)
      << sums.dollars / count * 1e3 << std::setprecision(3) << std::setw(12) << sums.violation / count
      << std::setprecision(1) << std::setw(10) << static_cast<double>(sums.split) / count * 100 << '\n';
}

void print_what_if(std::ostream& out, const schedule::Replay& replay, PlacementPolicy other) {
  const schedule::WhatIf& w = replay.what_if;
  out << policy_name(other) << " would have placed " << w.different << " of " << w.placements << " attempts elsewhere";
  if (w.impossible > 0) out << " and had no answer for " << w.impossible;
  out << ".\n";
  const auto count = static_cast<double>(w.placements - w.impossible);
  if (count <= 0) return;
  out << "  expected per attempt: TTFT ms      ITL ms  $/1k requests   violation   split %\n";
  print_sums(out, policy_name(replay.policy), w.recorded, count);
  print_sums(out, policy_name(other), w.other, count);
}

}  // namespace

int run_replay(Arguments arguments, Console console) {
  std::string path;
  std::optional<PlacementPolicy> other;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--policy" && i + 1 < arguments.size()) {
      other = policy_of(arguments[++i]);
      if (!other) {
        console.err << "batonctl replay: there is no policy '" << arguments[i] << "'\n";
        return kUsage;
      }
    } else if (path.empty() && !arguments[i].starts_with("--")) {
      path = arguments[i];
    } else {
      console.err << kUsageText;
      return kUsage;
    }
  }
  if (path.empty()) {
    console.err << kUsageText;
    return kUsage;
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    console.err << "batonctl replay: " << path << ": cannot be opened: " << std::strerror(errno) << '\n';
    return kUsage;
  }
  const std::string log((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto replay = schedule::replay(log, other);
  if (!replay) {
    console.err << "batonctl replay: " << path << ": " << replay.error().message << '\n';
    return kUsage;
  }
  console.out << path << ": " << replay->events << " events, " << replay->placements << " placements by "
              << policy_name(replay->policy) << ", " << replay->stats.finished << " requests finished, "
              << replay->stats.failed << " failed\n";
  if (replay->truncated) console.out << "note: the log ends within a record\n";
  if (other) print_what_if(console.out, *replay, *other);
  if (!replay->difference) {
    console.out << "every decision came out as recorded\n";
    return kOk;
  }
  console.out << "record " << replay->difference->record << " came out differently:\n";
  print_placements(console.out, "recorded", replay->difference->recorded);
  print_placements(console.out, "replayed", replay->difference->replayed);
  return kFailed;
}

}  // namespace baton::ctl
