#pragma once

#include <ucp/api/ucp.h>

#include <memory>
#include <string>
#include <type_traits>

#include "baton/error.h"
#include "transfer/text.h"

namespace baton::transfer {

// Owners of UCX objects. Destroy in reverse order of creation, on the thread that created them.
struct UcxContextDelete {
  void operator()(ucp_context_h handle) const { ucp_cleanup(handle); }
};
struct UcxWorkerDelete {
  void operator()(ucp_worker_h handle) const { ucp_worker_destroy(handle); }
};
struct UcxListenerDelete {
  void operator()(ucp_listener_h handle) const { ucp_listener_destroy(handle); }
};
struct UcxConfigDelete {
  void operator()(ucp_config_t* handle) const { ucp_config_release(handle); }
};
struct UcxRkeyDelete {
  void operator()(ucp_rkey_h handle) const { ucp_rkey_destroy(handle); }
};
struct UcxMemoryDelete {
  ucp_context_h context = nullptr;
  void operator()(ucp_mem_h handle) const { ucp_mem_unmap(context, handle); }
};

using UcxContext = std::unique_ptr<std::remove_pointer_t<ucp_context_h>, UcxContextDelete>;
using UcxWorker = std::unique_ptr<std::remove_pointer_t<ucp_worker_h>, UcxWorkerDelete>;
using UcxListener = std::unique_ptr<std::remove_pointer_t<ucp_listener_h>, UcxListenerDelete>;
using UcxConfig = std::unique_ptr<ucp_config_t, UcxConfigDelete>;
using UcxRkey = std::unique_ptr<std::remove_pointer_t<ucp_rkey_h>, UcxRkeyDelete>;
using UcxMemory = std::unique_ptr<std::remove_pointer_t<ucp_mem_h>, UcxMemoryDelete>;

inline std::unexpected<Error> ucx_fail(const char* what, ucs_status_t status) {
  return fail(Errc::io, text("UCX: ", what, ": ", ucs_status_string(status)));
}

}  // namespace baton::transfer
