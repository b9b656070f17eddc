#include "config/class_rules.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "config/gpu.h"
#include "config/prices.h"
#include "config/suggest.h"

namespace baton::config {
namespace {

using Classes = std::vector<ClassEntry>;

const YamlNode& place(const ClassEntry& entry, std::string_view key) {
  const YamlNode* node = entry.node->find(key);
  return node ? *node : *entry.node;
}

std::string named(const ClassEntry& entry) {
  return quoted(entry.config.name) + " (line " + std::to_string(entry.node->line) + ")";
}

/// Half-open, both ends set. Nothing has fewer than one token.
struct Interval {
  std::int64_t low = 1, high = 0;
  bool is_empty() const { return low >= high; }
  bool contains(std::int64_t tokens) const { return tokens >= low && tokens < high; }
};

Interval interval(const TokenRange& range) {
  return {std::max(range.min, 1), range.max == 0 ? std::numeric_limits<std::int64_t>::max() : range.max};
}

void check_range(const ClassEntry& entry, std::string_view key, const TokenRange& range, Problems& problems) {
  if (!interval(range).is_empty()) return;
  const bool is_inverted = range.max < range.min;
  problems.add(place(entry, key), entry.path + "." + std::string(key),
               "the range from " + std::to_string(range.min) + " to below " + std::to_string(range.max) +
                   (is_inverted ? " is upside down; swap min and max" : " holds no request; raise max"));
}

/// Whether every request that `narrow` admits is admitted by `wide`.
bool admits_all(const std::vector<std::string>& wide, const std::vector<std::string>& narrow) {
  if (wide.empty()) return true;
  return !narrow.empty() && std::ranges::all_of(narrow, [&](const std::string& name) {
    return std::ranges::find(wide, name) != wide.end();
  });
}

/// Where a function that is constant between the ends of `others` has to be looked at inside `range`.
std::set<std::int64_t> corners(const Interval& range, const std::vector<Interval>& others) {
  std::set<std::int64_t> out{range.low};
  for (const Interval& other : others) {
    if (range.contains(other.low)) out.insert(other.low);
    if (range.contains(other.high)) out.insert(other.high);
  }
  return out;
}

/// The classes before `at` that together take every request it could get; empty if they leave some.
std::set<std::size_t> takers(const Classes& classes, std::size_t at) {
  const ClassConfig& late = classes[at].config;
  std::vector<std::size_t> before;
  std::vector<Interval> prompts;
  std::vector<Interval> outputs;
  for (std::size_t i = 0; i < at; ++i) {
    const ClassConfig& early = classes[i].config;
    if (early.by_name_only || !admits_all(early.models, late.models) || !admits_all(early.keys, late.keys)) continue;
    before.push_back(i);
    prompts.push_back(interval(early.prompt_tokens));
    outputs.push_back(interval(early.output_tokens));
  }
  std::set<std::size_t> out;
  const std::set<std::int64_t> output_corners = corners(interval(late.output_tokens), outputs);
  for (const std::int64_t prompt : corners(interval(late.prompt_tokens), prompts)) {
    for (const std::int64_t output : output_corners) {
      std::size_t i = 0;
      while (i < before.size() && !(prompts[i].contains(prompt) && outputs[i].contains(output))) ++i;
      if (i == before.size()) return {};
      out.insert(before[i]);
    }
  }
  return out;
}

void check_reach(const Classes& classes, Problems& problems) {
  for (std::size_t at = 0; at < classes.size(); ++at) {
    const ClassConfig& late = classes[at].config;
    const bool has_ranges =
        !interval(late.prompt_tokens).is_empty() && !interval(late.output_tokens).is_empty() && !late.by_name_only;
    if (!has_ranges) continue;
    std::string listed;
    const std::set<std::size_t> found = takers(classes, at);
    for (const std::size_t early : found) listed += (listed.empty() ? "" : ", ") + named(classes[early]);
    if (listed.empty()) continue;
    problems.add(*classes[at].node, classes[at].path,
                 quoted(late.name) + " can get no request by its ranges, since " + listed +
                     (found.size() == 1 ? " takes" : " take") +
                     " them all first; move it further up, narrow the ranges, or set by_name_only: true");
  }
}

std::map<std::string_view, std::size_t> check_names(const Classes& classes, Problems& problems) {
  std::map<std::string_view, std::size_t> known;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const std::string& name = classes[i].config.name;
    if (name.empty()) continue;  // reported as missing
    const auto [first, is_new] = known.emplace(name, i);
    if (is_new) continue;
    problems.add(place(classes[i], "name"), classes[i].path + ".name",
                 quoted(name) + " is already the name of " + classes[first->second].path + " in line " +
                     std::to_string(classes[first->second].node->line) + "; choose another");
  }
  return known;
}

void check_fallbacks(const Classes& classes, const std::map<std::string_view, std::size_t>& known, Problems& problems) {
  std::vector<std::string_view> names;
  for (const auto& [name, index] : known) names.push_back(name);
  std::vector<bool> is_done(classes.size(), false);  // leads to no circle that is not reported
  for (std::size_t start = 0; start < classes.size(); ++start) {
    std::vector<std::size_t> path;
    std::size_t at = start;
    while (!is_done[at] && !classes[at].config.fallback.empty()) {
      is_done[at] = true;
      path.push_back(at);
      const std::string& wanted = classes[at].config.fallback;
      const auto next = known.find(wanted);
      if (next == known.end()) {
        const auto meant = nearest(wanted, names);
        problems.add(place(classes[at], "fallback"), classes[at].path + ".fallback",
                     "there is no class " + quoted(wanted) +
                         (meant ? "; did you mean " + std::string(*meant) + "?" : "; name one of this file, or none"));
        break;
      }
      at = next->second;
      const auto circle = std::ranges::find(path, at);
      if (circle == path.end()) continue;
      std::string shown;
      for (auto step = circle; step != path.end(); ++step) shown += classes[*step].config.name + " -> ";
      problems.add(place(classes[at], "fallback"), classes[at].path + ".fallback",
                   "the fallbacks go in a circle: " + shown + classes[at].config.name + "; remove one of them");
    }
    is_done[start] = true;
  }
}

void check_gpus(const ClassEntry& entry, const perf::Catalogue& catalogue, Problems& problems) {
  for (const auto& [key, types] : {std::pair("prefer_prefill_gpus", entry.config.prefer_prefill_gpus),
                                   std::pair("prefer_decode_gpus", entry.config.prefer_decode_gpus)}) {
    for (const std::string& type : types) {
      if (catalogue.find(type)) continue;
      problems.add(place(entry, key), entry.path + "." + key, unknown_gpu_type(catalogue, type));
    }
  }
}

void check_promises(const ClassEntry& entry, Problems& problems) {
  const ClassConfig& config = entry.config;
  if (config.best_effort && config.slo != SloConfig{}) {
    problems.add(place(entry, "best_effort"), entry.path + ".best_effort",
                 "a class with an slo is not best effort; remove one of the two keys");
  }
  if (config.prefer_spot && !config.allow_spot) {
    problems.add(place(entry, "prefer_spot"), entry.path + ".prefer_spot",
                 "contradicts allow_spot: false; remove one of the two keys");
  }
}

void note_unused(const ReadConfig& read, const ClassEntry& entry, std::vector<std::string>& notes) {
  const Config& config = read.config;
  const std::string& served = config.served_model_name.empty() ? config.model : config.served_model_name;
  const std::vector<std::string>& models = entry.config.models;
  if (!models.empty() && std::ranges::find(models, served) == models.end()) {
    notes.push_back(entry.path + ".models: the model served, " + quoted(served) +
                    ", is not among them, so that the class stays empty");
  }
  for (const auto& [key, types] : {std::pair("prefer_prefill_gpus", entry.config.prefer_prefill_gpus),
                                   std::pair("prefer_decode_gpus", entry.config.prefer_decode_gpus)}) {
    for (const std::string& type : types) {
      const auto is_it = [&](const WorkerEntry& worker) { return worker.config.gpu_type == type; };
      if (std::ranges::any_of(read.workers, is_it)) continue;
      notes.push_back(entry.path + "." + key + ": no worker has a GPU of type " + quoted(type));
    }
  }
  const bool promises = !entry.config.best_effort && (entry.config.slo != SloConfig{} || config.slo != SloConfig{});
  if (!entry.config.fallback.empty() && !promises) {
    notes.push_back(entry.path + ".fallback: never used, since the class promises nothing; give it an slo");
  }
}

}  // namespace

std::vector<std::string> check_classes(const ReadConfig& read, Problems& problems) {
  std::vector<std::string> notes;
  for (const ClassEntry& entry : read.classes) {
    check_range(entry, "prompt_tokens", entry.config.prompt_tokens, problems);
    check_range(entry, "output_tokens", entry.config.output_tokens, problems);
    check_gpus(entry, catalogue_of(read.config), problems);
    check_promises(entry, problems);
    note_unused(read, entry, notes);
  }
  check_fallbacks(read.classes, check_names(read.classes, problems), problems);
  check_reach(read.classes, problems);
  return notes;
}

}  // namespace baton::config
