#include "transfer/ucx_context.h"

#include <sys/mman.h>
#include <ucs/debug/log_def.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <utility>
#include <vector>

#include "core/log.h"
#include "transfer/host.h"

namespace baton::transfer {
namespace {

using Settings = std::vector<std::pair<const char*, std::string>>;

/// UCX writes to stdout by default. A lost peer is an error to UCX but an everyday event here, hence debug.
ucs_log_func_rc_t forward_log(const char*, unsigned, const char*, ucs_log_level_t level,
                              const ucs_log_component_config_t*, const char* format, va_list arguments) {
  if (level > UCS_LOG_LEVEL_WARN) return UCS_LOG_FUNC_RC_CONTINUE;
  std::array<char, 512> line{};
  std::vsnprintf(line.data(), line.size(), format, arguments);
  log_debug("ucx", "message", {{"text", line.data()}});
  return UCS_LOG_FUNC_RC_STOP;
}

std::string transports(KvProtocol protocol) {
  const std::string shared = "posix,sysv,tcp,self";  // tcp makes the connections
  switch (protocol) {
    case KvProtocol::tcp:
      return "tcp,self";
    case KvProtocol::shm:
      return shared;
    case KvProtocol::rdma:
      return has_rdma_device() ? "rc,dc,ud,tcp,self" : "tcp,self";
    case KvProtocol::automatic:
      return has_rdma_device() ? "rc,dc,ud," + shared : shared;
  }
  return shared;
}

Settings settings_for(const UcxOptions& options, const std::string& device) {
  Settings settings{{"TLS", transports(options.protocol)}, {"TCP_CM_REUSEADDR", "y"}};
  const bool shares = options.protocol == KvProtocol::shm || options.protocol == KvProtocol::automatic;
  const bool network_adapter = options.protocol == KvProtocol::rdma || has_rdma_device();
  if (shares) {
    // Without these the peer error mode leaves shared memory out without a word.
    settings.emplace_back("SYSV_ERROR_HANDLING", "y");
    settings.emplace_back("POSIX_ERROR_HANDLING", "y");
  }
  // All of these give zeroed memory.
  settings.emplace_back("ALLOC_PRIO", shares ? "md:sysv,md:posix,mmap" : "mmap");
  std::string devices;
  for (const auto& name : options.devices) devices += (devices.empty() ? "" : ",") + name;
  // Without a device tcp would stripe over every interface, loopback and container bridges included.
  if (devices.empty() && !network_adapter) devices = device;
  if (!devices.empty()) settings.emplace_back("NET_DEVICES", devices);
  return settings;
}

Result<UcxContext> open_context(const UcxOptions& options, const std::string& device) {
  ucp_config_t* raw_config = nullptr;
  if (const auto status = ucp_config_read("BATON", nullptr, &raw_config); status != UCS_OK) {
    return ucx_fail("configuration", status);
  }
  const UcxConfig config(raw_config);
  for (const auto& [key, value] : settings_for(options, device)) {
    const auto status = ucp_config_modify(config.get(), key, value.c_str());
    if (status != UCS_OK) return ucx_fail(key, status);
    log_debug("transfer", "ucx setting", {{"key", key}, {"value", value}});
  }
  ucp_params_t params{};
  params.field_mask = UCP_PARAM_FIELD_FEATURES;
  params.features = UCP_FEATURE_AM | UCP_FEATURE_WAKEUP;
  // Over plain tcp UCX would emulate one-sided access and let any peer write anywhere.
  if (options.protocol != KvProtocol::tcp) params.features |= UCP_FEATURE_RMA;
  ucp_context_h context = nullptr;
  if (const auto status = ucp_init(&params, config.get(), &context); status != UCS_OK) {
    return fail(Errc::config, text("UCX cannot start with transports '", transports(options.protocol),
                                   "' and devices '", options.devices.empty() ? device : options.devices.front(),
                                   "': ", ucs_status_string(status), "; check kv_transfer.protocol and devices"));
  }
  return UcxContext(context);
}

Result<UcxMemory> map_memory(ucp_context_h context, std::size_t bytes) {
  ucp_mem_map_params_t params{};
  params.field_mask = UCP_MEM_MAP_PARAM_FIELD_LENGTH | UCP_MEM_MAP_PARAM_FIELD_FLAGS;
  params.length = bytes;
  params.flags = UCP_MEM_MAP_ALLOCATE;
  ucp_mem_h memory = nullptr;
  if (const auto status = ucp_mem_map(context, &params, &memory); status != UCS_OK) {
    return fail(Errc::config, text("cannot allocate ", bytes, " bytes of KV memory: ", ucs_status_string(status),
                                   "; lower kv_cache_gib, or raise kernel.shmmax and the size of /dev/shm"));
  }
  return UcxMemory(memory, UcxMemoryDelete{context});
}

Result<void> describe_memory(UcxSetup& setup, std::size_t bytes) {
  ucp_mem_attr_t attributes{};
  attributes.field_mask = UCP_MEM_ATTR_FIELD_ADDRESS;
  if (const auto status = ucp_mem_query(setup.memory.get(), &attributes); status != UCS_OK) {
    return ucx_fail("memory query", status);
  }
  setup.memory_address = reinterpret_cast<std::uint64_t>(attributes.address);
  madvise(attributes.address, bytes, MADV_HUGEPAGE);  // fewer page walks; only advice
  void* key = nullptr;
  std::size_t length = 0;
  if (const auto status = ucp_rkey_pack(setup.context.get(), setup.memory.get(), &key, &length); status != UCS_OK) {
    return ucx_fail("remote key", status);
  }
  setup.memory_key.assign(static_cast<const char*>(key), length);
  ucp_rkey_buffer_release(key);
  return {};
}

}  // namespace

Result<UcxSetup> open_ucx(const UcxOptions& options, const std::string& device) {
  [[maybe_unused]] static const bool log_forwarded = (ucs_log_push_handler(forward_log), true);
  if (options.protocol == KvProtocol::rdma && !has_rdma_device() && !options.allow_fallback) {
    return fail(Errc::config,
                "kv_transfer.protocol is rdma, but this machine has no RDMA device (/sys/class/infiniband is empty); "
                "use protocol: tcp or auto, or allow_fallback: true");
  }
  UcxSetup setup;
  auto context = open_context(options, device);
  if (!context) return std::unexpected(context.error());
  setup.context = std::move(*context);
  auto memory = map_memory(setup.context.get(), options.memory_bytes);
  if (!memory) return std::unexpected(memory.error());
  setup.memory = std::move(*memory);
  if (auto described = describe_memory(setup, options.memory_bytes); !described) {
    return std::unexpected(described.error());
  }
  ucp_worker_params_t params{};
  params.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE;
  params.thread_mode = UCS_THREAD_MODE_SINGLE;
  ucp_worker_h worker = nullptr;
  if (const auto status = ucp_worker_create(setup.context.get(), &params, &worker); status != UCS_OK) {
    return ucx_fail("worker", status);
  }
  setup.worker.reset(worker);
  return setup;
}

}  // namespace baton::transfer
