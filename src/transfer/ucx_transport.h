#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "baton/config.h"
#include "baton/error.h"
#include "baton/transport.h"

namespace baton::transfer {

struct UcxOptions {
  KvProtocol protocol = KvProtocol::automatic;
  bool allow_fallback = false;
  std::string listen_host = "127.0.0.1";
  std::vector<std::string> devices;  ///< UCX_NET_DEVICES; empty: the device that owns listen_host
  std::size_t memory_bytes = 0;      ///< of the region peers may write to
};

/// A Transport over UCX, with a listener on a free port of listen_host and a zeroed memory region that lives as long as
/// the transport. To be created, used and destroyed by one thread. Errors: config (address, rdma without a device), io.
Result<std::unique_ptr<Transport>> make_ucx_transport(const UcxOptions& options);

}  // namespace baton::transfer
