#pragma once

#include "classify/features.h"
#include "classify/histogram.h"

namespace baton::classify {

/// Median output length that a request's fields alone suggest: the rule bins. Not capped; >= 1.
double prior_median(const Features& features);

/// The distribution of lengths around prior_median, summing to 1: log-logistic of shape 2, whose 90th percentile is
/// three times its median, as in public traces (2.2 to 4.2 times).
Mass prior(const Features& features);

}  // namespace baton::classify
