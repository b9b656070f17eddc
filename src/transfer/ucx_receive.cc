// The arriving side of UcxTransport: active-message callbacks, called by UCX inside ucp_worker_progress().
#include <cstring>

#include "transfer/ucx_transport_impl.h"

namespace baton::transfer {
namespace {

constexpr std::size_t kMaxControlBytes = 256 << 10;
constexpr std::size_t kMaxHeaderBytes = 256;

void scatter(const std::vector<std::span<std::byte>>& places, const void* data) {
  const auto* from = static_cast<const std::byte*>(data);
  for (const auto place : places) {
    std::memcpy(place.data(), from, place.size());
    from += place.size();
  }
}

}  // namespace

ucs_status_t UcxTransport::on_control(void* self, const void*, std::size_t, void* data, std::size_t length,
                                      const ucp_am_recv_param_t* param) {
  auto& transport = *static_cast<UcxTransport*>(self);
  auto* const connection = transport.find(param);
  const bool eager = (param->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV) == 0;
  if (connection == nullptr || !eager || length > kMaxControlBytes) return UCS_OK;  // dropped
  transport.file({.kind = Kind::message,
                  .connection = connection->id,
                  .text = std::string(static_cast<const char*>(data), length)});
  return UCS_OK;
}

ucs_status_t UcxTransport::on_bulk(void* self, const void* header, std::size_t header_length, void* data,
                                   std::size_t length, const ucp_am_recv_param_t* param) {
  auto& transport = *static_cast<UcxTransport*>(self);
  auto* const connection = transport.find(param);
  if (connection == nullptr || header_length > kMaxHeaderBytes) return UCS_OK;
  std::string name(static_cast<const char*>(header), header_length);
  const auto places = transport.sink_->on_data(connection->id, name, length);
  if (places.empty()) return UCS_OK;
  if ((param->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV) != 0) {
    return transport.receive(*connection, std::move(name), data, length, places);
  }
  scatter(places, data);
  transport.file({.kind = Kind::placed, .connection = connection->id, .text = std::move(name), .length = length});
  return UCS_OK;
}

/// Rendezvous: the data is fetched straight into its places.
ucs_status_t UcxTransport::receive(Connection& connection, std::string header, void* descriptor, std::size_t length,
                                   const std::vector<std::span<std::byte>>& places) {
  auto operation = std::make_unique<Operation>();
  operation->connection = &connection;
  operation->report =
      Report{.kind = Kind::placed, .connection = connection.id, .text = std::move(header), .length = length};
  for (const auto place : places) operation->pieces.push_back({place.data(), place.size()});
  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_DATATYPE |
                        UCP_OP_ATTR_FLAG_NO_IMM_CMPL;
  params.cb.recv_am = on_receive_done;
  params.user_data = operation.get();
  const bool single = operation->pieces.size() == 1;
  params.datatype = single ? ucp_dt_make_contig(1) : ucp_dt_make_iov();
  void* const target = single ? operation->pieces.front().buffer : operation->pieces.data();
  const auto count = single ? operation->pieces.front().length : operation->pieces.size();
  auto* const request = ucp_am_recv_data_nbx(setup_.worker.get(), descriptor, target, count, &params);
  if (!UCS_PTR_IS_PTR(request)) {
    finish(std::move(operation), UCS_PTR_STATUS(request));
    return UCS_OK;
  }
  ++connection.outstanding;
  (void)operation.release();  // on_receive_done takes it back
  return UCS_INPROGRESS;
}

void UcxTransport::on_receive_done(void* request, ucs_status_t status, std::size_t, void* argument) {
  std::unique_ptr<Operation> operation(static_cast<Operation*>(argument));
  auto& connection = *operation->connection;
  --connection.outstanding;
  ucp_request_free(request);
  connection.self->finish(std::move(operation), status);
}

}  // namespace baton::transfer
