#include <array>

#include "config/keys.h"

namespace baton::config {
namespace {

constexpr Bounds kListLength{0, 256};
constexpr Bounds kTokens{1, 100'000'000};
constexpr Bounds kLatency{0.1, 3'600'000};  // up to an hour

constexpr std::array kClassKeys{
    Key<ClassConfig>{{.name = "name",
                      .help = "Name in the `x-baton-class` header, in metrics and in `fallback`; unique",
                      .bounds = {1, 64},
                      .apply = Apply::live,
                      .format = "name",
                      .is_required = true},
                     &ClassConfig::name},
    Key<ClassConfig>{{.name = "prompt_tokens", .help = "Length of the prompt", .apply = Apply::live},
                     &ClassConfig::prompt_tokens},
    Key<ClassConfig>{{.name = "output_tokens", .help = "Expected length of the output", .apply = Apply::live},
                     &ClassConfig::output_tokens},
    Key<ClassConfig>{{.name = "models",
                      .help = "Served models whose requests may belong to the class",
                      .bounds = kListLength,
                      .apply = Apply::live,
                      .default_note = "any"},
                     &ClassConfig::models},
    Key<ClassConfig>{{.name = "keys",
                      .help = "Names of the API keys whose requests may belong to the class, even by its name",
                      .bounds = kListLength,
                      .apply = Apply::live,
                      .default_note = "any"},
                     &ClassConfig::keys},
    Key<ClassConfig>{{.name = "by_name_only",
                      .help = "Only requests that name the class belong to it; its ranges decide nothing",
                      .apply = Apply::live},
                     &ClassConfig::by_name_only},
    Key<ClassConfig>{{.name = "priority",
                      .help = "Requests of higher priority are placed first",
                      .bounds = {-1000, 1000},
                      .apply = Apply::live},
                     &ClassConfig::priority},
    Key<ClassConfig>{{.name = "slo", .help = "Latency promised to the class", .apply = Apply::live}, &ClassConfig::slo},
    Key<ClassConfig>{
        {.name = "best_effort", .help = "Nothing is promised, whatever the top-level `slo` says", .apply = Apply::live},
        &ClassConfig::best_effort},
    Key<ClassConfig>{{.name = "prefer_prefill_gpus",
                      .help = "GPU types for its prompts, best first",
                      .bounds = kListLength,
                      .apply = Apply::live,
                      .default_note = "by cost"},
                     &ClassConfig::prefer_prefill_gpus},
    Key<ClassConfig>{{.name = "prefer_decode_gpus",
                      .help = "GPU types for its outputs, best first",
                      .bounds = kListLength,
                      .apply = Apply::live,
                      .default_note = "by cost"},
                     &ClassConfig::prefer_decode_gpus},
    Key<ClassConfig>{{.name = "allow_spot", .help = "Workers with `spot: true` may serve it", .apply = Apply::live},
                     &ClassConfig::allow_spot},
    Key<ClassConfig>{{.name = "prefer_spot", .help = "Workers with `spot: true` are taken first", .apply = Apply::live},
                     &ClassConfig::prefer_spot},
    Key<ClassConfig>{{.name = "fallback",
                      .help = "Class that serves the request when the promise of this one cannot be kept",
                      .bounds = {0, 64},
                      .apply = Apply::live,
                      .default_note = "none: the least late worker"},
                     &ClassConfig::fallback},
};

constexpr std::array kSloKeys{
    Key<SloConfig>{{.name = "ttft_ms",
                    .help = "Milliseconds from arrival to the first token",
                    .bounds = kLatency,
                    .apply = Apply::live,
                    .default_note = "no promise"},
                   &SloConfig::ttft_ms},
    Key<SloConfig>{{.name = "itl_ms",
                    .help = "Milliseconds from each token to the next",
                    .bounds = kLatency,
                    .apply = Apply::live,
                    .default_note = "no promise"},
                   &SloConfig::itl_ms},
};

constexpr std::array kRangeKeys{
    Key<TokenRange>{{.name = "min",
                     .help = "Least number of tokens inside the range",
                     .bounds = {0, kTokens.max},
                     .apply = Apply::live},
                    &TokenRange::min},
    Key<TokenRange>{{.name = "max",
                     .help = "Least number of tokens above the range",
                     .bounds = kTokens,
                     .apply = Apply::live,
                     .default_note = "no upper end"},
                    &TokenRange::max},
};

}  // namespace

template <>
std::span<const Key<ClassConfig>> keys<ClassConfig>() {
  return kClassKeys;
}
template <>
std::span<const Key<SloConfig>> keys<SloConfig>() {
  return kSloKeys;
}
template <>
std::span<const Key<TokenRange>> keys<TokenRange>() {
  return kRangeKeys;
}

}  // namespace baton::config
