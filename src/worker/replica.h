#pragma once

#include "baton/config.h"
#include "baton/error.h"
#include "perf/catalogue.h"

namespace baton::worker {

/// The cost model of `worker` running a model of `shape`: GPU and price from the catalogue where the worker's own keys
/// say nothing. Number formats left to the worker (`auto`) are bf16 where the GPU has it, else f16. Errors (config):
/// unknown GPU type, those of make_replica.
Result<perf::Replica> replica_of(const WorkerConfig& worker, const perf::ModelShape& shape,
                                 const perf::Catalogue& catalogue);

}  // namespace baton::worker
