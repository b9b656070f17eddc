#include "config/diff.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "config/prices.h"

namespace baton::config {
namespace {

template <class S>
void compare(const S& before, const S& after, const std::string& prefix, std::vector<ValueChange>& out);

template <class S>
void compare_target(const S&, const S&, NotSupported, const std::string&, Apply, std::vector<ValueChange>&) {}

/// Workers are compared one by one, by address.
template <class S>
void compare_target(const S&, const S&, std::vector<WorkerConfig> S::*, const std::string&, Apply,
                    std::vector<ValueChange>&) {}

template <class S, class T>
void compare_target(const S& before, const S& after, T S::*member, const std::string& key, Apply apply,
                    std::vector<ValueChange>& out) {
  if (before.*member == after.*member) return;
  if constexpr (std::is_aggregate_v<T>) {
    compare(before.*member, after.*member, key + ".", out);
  } else {
    out.push_back({key, apply});
  }
}

template <class S>
void compare(const S& before, const S& after, const std::string& prefix, std::vector<ValueChange>& out) {
  for (const Key<S>& key : keys<S>()) {
    if (!key.info.synonym_of.empty()) continue;
    const std::string path = prefix + std::string(key.info.name);
    std::visit([&](auto target) { compare_target(before, after, target, path, key.info.apply, out); }, key.target);
  }
}

std::pair<std::string_view, int> address(const WorkerConfig& worker) {
  return {worker.host, worker.port};
}

}  // namespace

bool WorkerChange::needs_worker_restart() const {
  return std::ranges::any_of(values, [](const ValueChange& change) { return change.apply != Apply::live; });
}

bool ConfigDiff::empty() const {
  return added.empty() && removed.empty() && changed.empty() && values.empty();
}

bool ConfigDiff::needs_restart() const {
  return std::ranges::any_of(values, [](const ValueChange& change) { return change.apply == Apply::restart; });
}

ConfigDiff diff(const Config& before, const Config& after) {
  ConfigDiff out;
  compare(before, after, "", out.values);
  if (before.prices == after.prices && catalogue_of(before) != catalogue_of(after)) {
    out.values.push_back({"prices", Apply::live});  // the file has other content now
  }
  std::map<std::pair<std::string_view, int>, const WorkerConfig*> old_workers;
  for (const WorkerConfig& worker : before.workers) old_workers.emplace(address(worker), &worker);
  for (const WorkerConfig& worker : after.workers) {
    const auto old = old_workers.find(address(worker));
    if (old == old_workers.end()) {
      out.added.push_back(worker);
      continue;
    }
    WorkerChange change{*old->second, worker, {}};
    compare(change.before, change.after, "", change.values);
    if (!change.values.empty()) out.changed.push_back(std::move(change));
    old_workers.erase(old);
  }
  for (const WorkerConfig& worker : before.workers) {
    if (old_workers.contains(address(worker))) out.removed.push_back(worker);
  }
  return out;
}

}  // namespace baton::config
