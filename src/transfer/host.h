#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "baton/error.h"

namespace baton::transfer {

/// Identity of what must be equal for two processes to share memory: machine, boot, user, IPC and process namespaces.
std::string host_identity();

/// 64 random bits from the operating system.
std::uint64_t random_bits();

/// True when an RDMA device is visible (/sys/class/infiniband).
bool has_rdma_device();

/// Every name ("eth0", "mlx5_0:1") is a network or RDMA device of this machine. Errors: config.
Result<void> check_devices(const std::vector<std::string>& names);

/// A numeric address of this machine for `host`, a name or an address. "0.0.0.0" and "::" become an address that peers
/// can reach, if there is one. Errors: config.
struct LocalAddress {
  std::string bind;       ///< numeric
  std::string advertise;  ///< numeric
  std::string device;     ///< network device that owns it; empty: unknown
};
Result<LocalAddress> resolve_local(const std::string& host);

}  // namespace baton::transfer
