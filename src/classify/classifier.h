#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "baton/config.h"
#include "classify/features.h"
#include "classify/length.h"

namespace baton::classify {

/// The classes of a deployment that names none: realtime, summarize, chat, code, batch and the catch-all "default".
std::vector<ClassConfig> builtin_classes();

/// The classes in force: those of the configuration, else the built-in ones. `config.slo` fills in what a configured
/// class leaves open, and replaces what a built-in one promises; best_effort classes promise nothing. The last class
/// always matches everything: "default" is appended to a list whose last entry does not.
std::vector<ClassConfig> effective_classes(const Config& config);

/// Index of the class with that name; -1: there is none.
std::int32_t find_class(std::span<const ClassConfig> classes, std::string_view name);

/// The class of a request, an index into `classes`, which must be as effective_classes returns them. In this order:
/// 1. the class the request names, if its models and keys admit the request (an unknown name counts as none);
/// 2. the first class in file order that is not by_name_only, admits model and key, and whose ranges hold the prompt
///    and the expected output (the median of the forecast);
/// 3. the last class.
/// Does not allocate.
std::int32_t classify(std::span<const ClassConfig> classes, const Features& features, const LengthForecast& forecast);

}  // namespace baton::classify
