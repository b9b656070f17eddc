#pragma once

#include <functional>
#include <string>

#include "cluster/snapshot.h"
#include "schedule/ask.h"
#include "schedule/explain.h"

namespace baton::schedule {

/// The candidates of a decision with their terms, whichever policy made it, and the reason in a sentence. What the ask
/// does not know (request, class, forecast) is left to the caller.
Explanation explain_placement(const cluster::Snapshot& snapshot, const Ask& ask, const Decision& decision,
                              const std::function<std::string(WorkerId)>& name_of);

}  // namespace baton::schedule
