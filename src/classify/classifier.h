#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "baton/config.h"
#include "classify/features.h"
#include "classify/length.h"

namespace baton::classify {

/// The classes of a configuration, in its order; the built-in ones when it names none.
std::vector<ClassConfig> builtin_classes();

/// Index of the first class that matches: the named one, else by prompt tokens, expected output, model and key. The
/// last class of `classes` takes what nothing else matches.
std::int32_t classify(std::span<const ClassConfig> classes, const Features& features, const LengthForecast& forecast);

}  // namespace baton::classify
