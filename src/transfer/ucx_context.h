#pragma once

#include <cstdint>
#include <string>

#include "transfer/ucx_handles.h"
#include "transfer/ucx_transport.h"

namespace baton::transfer {

/// UCX set up for one protocol choice: context, worker, and the shared memory region.
struct UcxSetup {
  UcxContext context;
  UcxMemory memory;
  UcxWorker worker;
  std::uint64_t memory_address = 0;
  std::string memory_key;  ///< packed remote key
};

/// `device`: network device of the listening address, used when options.devices is empty. Errors: config, io.
Result<UcxSetup> open_ucx(const UcxOptions& options, const std::string& device);

}  // namespace baton::transfer
