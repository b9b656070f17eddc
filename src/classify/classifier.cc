#include "classify/classifier.h"

#include <algorithm>
#include <string>

#include "core/check.h"

namespace baton::classify {
namespace {

/// An empty list admits everybody.
bool admits(const std::vector<std::string>& names, std::uint64_t hash) {
  return names.empty() || std::ranges::any_of(names, [&](const std::string& name) { return name_hash(name) == hash; });
}

bool admits(const ClassConfig& entry, const Features& features) {
  return admits(entry.models, features.model) && admits(entry.keys, features.key);
}

bool matches_everything(const ClassConfig& entry) {
  return !entry.by_name_only && entry.models.empty() && entry.keys.empty() && entry.prompt_tokens == TokenRange{} &&
         entry.output_tokens == TokenRange{};
}

ClassConfig catch_all(std::span<const ClassConfig> others) {
  ClassConfig out;
  out.name = "default";
  while (find_class(others, out.name) >= 0) out.name += '_';
  return out;
}

double first_set(double preferred, double otherwise) {
  return preferred > 0 ? preferred : otherwise;
}

}  // namespace

std::vector<ClassConfig> builtin_classes() {
  std::vector<ClassConfig> out(5);
  out[0] = {.name = "realtime",
            .prompt_tokens = {0, 256},
            .output_tokens = {0, 50},
            .priority = 10,
            .slo = {.ttft_ms = 100, .itl_ms = 50},
            .allow_spot = false};
  out[1] = {.name = "summarize",
            .prompt_tokens = {2048, 0},
            .output_tokens = {0, 50},
            .slo = {.ttft_ms = 4000, .itl_ms = 100}};
  out[2] = {
      .name = "chat", .prompt_tokens = {0, 2048}, .output_tokens = {100, 500}, .slo = {.ttft_ms = 1000, .itl_ms = 50}};
  // Medium in, medium out; what chat already took of it comes first in the list.
  out[3] = {.name = "code",
            .prompt_tokens = {512, 8192},
            .output_tokens = {50, 1000},
            .slo = {.ttft_ms = 2000, .itl_ms = 50}};
  out[4] = {.name = "batch", .by_name_only = true, .priority = -10, .best_effort = true, .prefer_spot = true};
  out.push_back(catch_all(out));
  return out;
}

std::vector<ClassConfig> effective_classes(const Config& config) {
  const bool is_builtin = config.classes.empty();
  std::vector<ClassConfig> out = is_builtin ? builtin_classes() : config.classes;
  if (!matches_everything(out.back())) out.push_back(catch_all(out));
  for (ClassConfig& entry : out) {
    if (entry.best_effort) {
      entry.slo = {};
      continue;
    }
    const SloConfig& preferred = is_builtin ? config.slo : entry.slo;
    const SloConfig& otherwise = is_builtin ? entry.slo : config.slo;
    entry.slo = {.ttft_ms = first_set(preferred.ttft_ms, otherwise.ttft_ms),
                 .itl_ms = first_set(preferred.itl_ms, otherwise.itl_ms)};
  }
  return out;
}

std::int32_t find_class(std::span<const ClassConfig> classes, std::string_view name) {
  const auto found = std::ranges::find(classes, name, &ClassConfig::name);
  return found == classes.end() ? -1 : static_cast<std::int32_t>(found - classes.begin());
}

std::int32_t classify(std::span<const ClassConfig> classes, const Features& features, const LengthForecast& forecast) {
  BATON_CHECK(!classes.empty());
  const std::int32_t named = features.named_class.empty() ? -1 : find_class(classes, features.named_class);
  if (named >= 0 && admits(classes[static_cast<std::size_t>(named)], features)) return named;
  const auto prompt = static_cast<double>(features.prompt_tokens);
  const auto found = std::ranges::find_if(classes, [&](const ClassConfig& entry) {
    return !entry.by_name_only && entry.prompt_tokens.contains(prompt) && entry.output_tokens.contains(forecast.p50) &&
           admits(entry, features);
  });
  const auto last = static_cast<std::int32_t>(classes.size()) - 1;
  return found == classes.end() ? last : static_cast<std::int32_t>(found - classes.begin());
}

}  // namespace baton::classify
