#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "core/check.h"
#include "core/log.h"
#include "transfer/copy.h"
#include "transfer/host.h"
#include "transfer/ucx_address.h"
#include "transfer/ucx_transport_impl.h"

namespace baton::transfer {
namespace {

constexpr unsigned kControlAm = 1;
constexpr unsigned kBulkAm = 2;
constexpr std::size_t kMaxConnections = 4096;
constexpr int kProgressCalls = 64;
constexpr int kQuietRounds = 3;
constexpr std::chrono::milliseconds kSettleQuiet{30};
constexpr std::chrono::milliseconds kSettleAtMost{1000};

}  // namespace

UcxTransport::UcxTransport(UcxSetup setup, std::size_t memory_bytes)
    : setup_(std::move(setup)), memory_bytes_(memory_bytes) {}

UcxTransport::~UcxTransport() {
  if (listener_) settle();
  listener_.reset();
  setup_.worker.reset();
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

/// A peer's handshake that arrives between the end of the listener and the end of the worker makes UCX (1.13 to 1.19:
/// openucx/ucx issue 11087) call into the freed listener. So the listener stays until every connection is closed and
/// nobody has knocked for a while; those who do are let in and closed.
void UcxTransport::settle() {
  struct Nobody final : TransportSink {
    void on_message(ConnectionId, std::string_view) override {}
    std::vector<std::span<std::byte>> on_data(ConnectionId, std::string_view, std::size_t) override { return {}; }
    void on_placed(ConnectionId, std::string_view, std::size_t, Outcome) override {}
    void on_sent(ConnectionId, std::uint64_t, Outcome) override {}
    void on_flushed(ConnectionId, std::uint64_t, Outcome) override {}
    void on_closed(ConnectionId, const Error&) override {}
  } nobody;
  using Clock = std::chrono::steady_clock;
  settling_ = true;
  const auto end = Clock::now() + kSettleAtMost;
  auto quiet_since = Clock::now();
  while (Clock::now() < end && Clock::now() - quiet_since < kSettleQuiet) {
    for (auto& [id, connection] : connections_) begin_close(*connection);
    progress(nobody);
    if (!connections_.empty()) quiet_since = Clock::now();
    wait(std::chrono::milliseconds(1));
  }
}

Result<void> UcxTransport::set_handler(unsigned id, ucp_am_recv_callback_t callback) {
  ucp_am_handler_param_t params{};
  params.field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID | UCP_AM_HANDLER_PARAM_FIELD_FLAGS | UCP_AM_HANDLER_PARAM_FIELD_CB |
                      UCP_AM_HANDLER_PARAM_FIELD_ARG;
  params.id = id;
  params.flags = UCP_AM_FLAG_WHOLE_MSG;
  params.cb = callback;
  params.arg = this;
  const auto status = ucp_worker_set_am_recv_handler(setup_.worker.get(), &params);
  if (status != UCS_OK) return ucx_fail("message handler", status);
  return {};
}

Result<void> UcxTransport::listen(const std::string& bind_host, const std::string& advertised_host) {
  if (auto set = set_handler(kControlAm, on_control); !set) return set;
  if (auto set = set_handler(kBulkAm, on_bulk); !set) return set;
  if (const auto status = ucp_worker_get_efd(setup_.worker.get(), &worker_fd_); status != UCS_OK) {
    return ucx_fail("event descriptor", status);
  }
  wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd_ < 0) return fail(Errc::io, "eventfd: no descriptor left");
  const auto bound = socket_address(bind_host, 0);
  if (!bound) return std::unexpected(bound.error());
  ucp_listener_params_t params{};
  params.field_mask = UCP_LISTENER_PARAM_FIELD_SOCK_ADDR | UCP_LISTENER_PARAM_FIELD_CONN_HANDLER;
  params.sockaddr = {bound->get(), bound->length};
  params.conn_handler = {on_connection_request, this};
  ucp_listener_h listener = nullptr;
  if (const auto status = ucp_listener_create(setup_.worker.get(), &params, &listener); status != UCS_OK) {
    return fail(Errc::config, text("cannot listen on ", bind_host, " for KV transfers: ", ucs_status_string(status)));
  }
  listener_.reset(listener);
  ucp_listener_attr_t attributes{};
  attributes.field_mask = UCP_LISTENER_ATTR_FIELD_SOCKADDR;
  if (const auto status = ucp_listener_query(listener, &attributes); status != UCS_OK) {
    return ucx_fail("listener query", status);
  }
  address_ = format_address(advertised_host, port_of(attributes.sockaddr));
  return {};
}

RemoteMemory UcxTransport::memory() const {
  return {setup_.memory_address, memory_bytes_, setup_.memory_key};
}

UcxTransport::Connection* UcxTransport::find(ConnectionId id) {
  const auto at = connections_.find(id.value);
  return at != connections_.end() && at->second->phase == Phase::open ? at->second.get() : nullptr;
}

UcxTransport::Connection* UcxTransport::find(const ucp_am_recv_param_t* param) {
  if ((param->recv_attr & UCP_AM_RECV_ATTR_FIELD_REPLY_EP) == 0) return nullptr;
  const auto at = by_endpoint_.find(param->reply_ep);
  return at != by_endpoint_.end() && at->second->phase == Phase::open ? at->second : nullptr;
}

UcxTransport::Connection& UcxTransport::add_connection() {
  auto connection = std::make_unique<Connection>();
  connection->self = this;
  connection->id = {next_connection_++};
  auto& placed = *connection;
  connections_.emplace(placed.id.value, std::move(connection));
  return placed;
}

ConnectionId UcxTransport::connect(std::string_view address) {
  auto& connection = add_connection();
  const auto remote = parse_address(address);
  ucp_ep_params_t params{};
  params.field_mask = UCP_EP_PARAM_FIELD_FLAGS | UCP_EP_PARAM_FIELD_SOCK_ADDR | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE |
                      UCP_EP_PARAM_FIELD_ERR_HANDLER;
  params.flags = UCP_EP_PARAMS_FLAGS_CLIENT_SERVER;
  params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
  params.err_handler = {on_endpoint_error, &connection};
  ucs_status_t status = UCS_ERR_INVALID_ADDR;
  if (remote) {
    params.sockaddr = {remote->get(), remote->length};
    status = ucp_ep_create(setup_.worker.get(), &params, &connection.endpoint);
  }
  if (status == UCS_OK) {
    by_endpoint_.emplace(connection.endpoint, &connection);
  } else {
    connection.endpoint = nullptr;
    connection.phase = Phase::broken;
    connection.why = {Errc::io, remote ? text("cannot connect: ", ucs_status_string(status)) : remote.error().message};
  }
  return connection.id;
}

void UcxTransport::on_connection_request(ucp_conn_request_h request, void* self) {
  static_cast<UcxTransport*>(self)->requests_.push_back(request);
}

void UcxTransport::accept(ucp_conn_request_h request) {
  // Not ucp_listener_reject(): the refused peer's next event is a null call in UCX (openucx/ucx issue 11235).
  const bool full = connections_.size() >= kMaxConnections;
  if (full) log_warn("transfer", "too many connections; one was refused", {{"limit", kMaxConnections}});
  auto& connection = add_connection();
  ucp_ep_params_t params{};
  params.field_mask =
      UCP_EP_PARAM_FIELD_CONN_REQUEST | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE | UCP_EP_PARAM_FIELD_ERR_HANDLER;
  params.conn_request = request;
  params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
  params.err_handler = {on_endpoint_error, &connection};
  const auto status = ucp_ep_create(setup_.worker.get(), &params, &connection.endpoint);
  if (status != UCS_OK) {
    log_debug("transfer", "connection request failed", {{"error", ucs_status_string(status)}});
    connections_.erase(connection.id.value);
    return;
  }
  by_endpoint_.emplace(connection.endpoint, &connection);
  if (full || settling_) begin_close(connection);
}

void UcxTransport::on_endpoint_error(void* argument, ucp_ep_h, ucs_status_t status) {
  auto& connection = *static_cast<Connection*>(argument);
  if (connection.phase != Phase::open) return;
  connection.phase = Phase::broken;
  connection.why = {Errc::worker_lost, text("connection broke: ", ucs_status_string(status))};
}

void UcxTransport::close(ConnectionId which) {
  if (auto* connection = find(which)) {
    connection->why = {Errc::transfer_failed, "connection closed here"};
    connection->phase = Phase::broken;  // progress() closes it
  }
}

void UcxTransport::begin_close(Connection& connection) {
  if (connection.phase == Phase::closing) return;
  connection.phase = Phase::closing;
  connection.rkey.reset();
  connection.mapped = nullptr;
  if (connection.endpoint == nullptr) return;
  by_endpoint_.erase(connection.endpoint);
  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
  params.flags = UCP_EP_CLOSE_FLAG_FORCE;
  auto* const request = ucp_ep_close_nbx(connection.endpoint, &params);
  if (UCS_PTR_IS_PTR(request)) connection.close_request = request;
}

/// A closed endpoint's lanes are torn down by the following progress calls; only then is nothing of it left.
void UcxTransport::move_closing() {
  for (auto at = connections_.begin(); at != connections_.end();) {
    auto& connection = *at->second;
    if (connection.phase == Phase::broken) begin_close(connection);
    if (connection.phase != Phase::closing) {
      ++at;
      continue;
    }
    if (connection.close_request != nullptr && ucp_request_check_status(connection.close_request) != UCS_INPROGRESS) {
      ucp_request_free(connection.close_request);
      connection.close_request = nullptr;
    }
    const bool over = connection.close_request == nullptr && connection.outstanding == 0;
    if (!over || ++connection.quiet_rounds < kQuietRounds) {
      ++at;
      continue;
    }
    file({.kind = Kind::closed, .connection = connection.id, .error = connection.why});
    at = connections_.erase(at);
  }
}

/// UCX 1.13 cannot be asked for an endpoint's lanes, only print them.
bool UcxTransport::has_network_put(ucp_ep_h endpoint) const {
  char* buffer = nullptr;
  std::size_t size = 0;
  std::FILE* const stream = open_memstream(&buffer, &size);
  if (stream == nullptr) return false;
  ucp_ep_print_info(endpoint, stream);
  std::fclose(stream);
  const std::string_view lanes(buffer, size);
  const bool found = lanes.find("rc_") != lanes.npos || lanes.find("dc_") != lanes.npos;
  std::free(buffer);
  return found;
}

DataPath UcxTransport::attach(ConnectionId to, const RemoteMemory& memory) {
  auto* connection = find(to);
  if (connection == nullptr || memory.key.empty()) return DataPath::message;
  const bool same = connection->attached_key == memory.key && connection->remote_address == memory.address;
  if (same && connection->rkey) return connection->path;
  connection->rkey.reset();
  connection->path = DataPath::message;
  // UCX takes no length: padding keeps a damaged key from being read past its end.
  std::string padded = memory.key;
  padded.resize(padded.size() + 4096, '\0');
  ucp_rkey_h key = nullptr;
  if (ucp_ep_rkey_unpack(connection->endpoint, padded.data(), &key) != UCS_OK) return DataPath::message;
  connection->rkey.reset(key);
  connection->attached_key = memory.key;
  connection->remote_address = memory.address;
  connection->remote_length = memory.length;
  void* local = nullptr;
  if (ucp_rkey_ptr(key, memory.address, &local) == UCS_OK) {
    connection->mapped = static_cast<std::byte*>(local);
    connection->path = DataPath::mapped;
  } else if (has_network_put(connection->endpoint)) {
    connection->path = DataPath::put;
  }
  return connection->path;
}

void UcxTransport::start(std::unique_ptr<Operation> operation, ucs_status_ptr_t request) {
  if (UCS_PTR_IS_PTR(request)) {
    ++operation->connection->outstanding;
    (void)operation.release();  // on_send_done takes it back
    return;
  }
  finish(std::move(operation), UCS_PTR_STATUS(request));
}

void UcxTransport::finish(std::unique_ptr<Operation> operation, ucs_status_t status) {
  if (!operation->report) return;
  if (status != UCS_OK) operation->report->outcome = TransportSink::Outcome::failed;
  file(std::move(*operation->report));
}

void UcxTransport::on_send_done(void* request, ucs_status_t status, void* argument) {
  std::unique_ptr<Operation> operation(static_cast<Operation*>(argument));
  auto& connection = *operation->connection;
  --connection.outstanding;
  ucp_request_free(request);
  connection.self->finish(std::move(operation), status);
}

void UcxTransport::send(ConnectionId to, std::string message) {
  auto* connection = find(to);
  if (connection == nullptr) return;
  auto operation = std::make_unique<Operation>();
  operation->connection = connection;
  operation->bytes = std::move(message);
  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_FLAGS;
  params.cb.send = on_send_done;
  params.user_data = operation.get();
  params.flags = UCP_AM_SEND_FLAG_REPLY | UCP_AM_SEND_FLAG_EAGER;
  auto* const request = ucp_am_send_nbx(connection->endpoint, kControlAm, nullptr, 0, operation->bytes.data(),
                                        operation->bytes.size(), &params);
  start(std::move(operation), request);
}

void UcxTransport::send_data(ConnectionId to, DataMessage message) {
  Report report{.kind = Kind::sent, .connection = to, .tag = message.tag};
  auto* connection = find(to);
  if (connection == nullptr) {
    report.outcome = TransportSink::Outcome::failed;
    return file(std::move(report));
  }
  auto operation = std::make_unique<Operation>();
  operation->connection = connection;
  operation->report = std::move(report);
  operation->bytes = std::move(message.header);
  for (const auto piece : message.pieces) {
    operation->pieces.push_back({const_cast<std::byte*>(piece.data()), piece.size()});
  }
  ucp_request_param_t params{};
  params.op_attr_mask =
      UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_FLAGS | UCP_OP_ATTR_FIELD_DATATYPE;
  params.cb.send = on_send_done;
  params.user_data = operation.get();
  params.flags =
      UCP_AM_SEND_FLAG_REPLY | (message.delivery == Delivery::eager ? UCP_AM_SEND_FLAG_EAGER : UCP_AM_SEND_FLAG_RNDV);
  const bool single = operation->pieces.size() == 1;
  params.datatype = single ? ucp_dt_make_contig(1) : ucp_dt_make_iov();
  const void* const data = single ? operation->pieces.front().buffer : operation->pieces.data();
  const auto count = single ? operation->pieces.front().length : operation->pieces.size();
  auto* const request = ucp_am_send_nbx(connection->endpoint, kBulkAm, operation->bytes.data(), operation->bytes.size(),
                                        data, count, &params);
  start(std::move(operation), request);
}

void UcxTransport::put(ConnectionId to, std::uint64_t tag, std::span<const std::byte> from, std::uint64_t offset) {
  Report report{.kind = Kind::sent, .connection = to, .tag = tag};
  auto* connection = find(to);
  const bool fits = connection != nullptr && connection->path != DataPath::message &&
                    offset <= connection->remote_length && from.size() <= connection->remote_length - offset;
  if (!fits) {
    report.outcome = TransportSink::Outcome::failed;
    return file(std::move(report));
  }
  if (connection->path == DataPath::mapped) {
    copy_streaming(connection->mapped + offset, from);
    return file(std::move(report));
  }
  auto operation = std::make_unique<Operation>();
  operation->connection = connection;
  operation->report = std::move(report);
  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FLAG_MULTI_SEND;
  params.cb.send = on_send_done;
  params.user_data = operation.get();
  auto* const request = ucp_put_nbx(connection->endpoint, from.data(), from.size(), connection->remote_address + offset,
                                    connection->rkey.get(), &params);
  start(std::move(operation), request);
}

void UcxTransport::flush(ConnectionId to, std::uint64_t tag) {
  Report report{.kind = Kind::flushed, .connection = to, .tag = tag};
  auto* connection = find(to);
  if (connection == nullptr) {
    report.outcome = TransportSink::Outcome::failed;
    return file(std::move(report));
  }
  auto operation = std::make_unique<Operation>();
  operation->connection = connection;
  operation->report = std::move(report);
  ucp_request_param_t params{};
  params.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
  params.cb.send = on_send_done;
  params.user_data = operation.get();
  auto* const request = ucp_ep_flush_nbx(connection->endpoint, &params);
  start(std::move(operation), request);
}

UcxTransport::Progress UcxTransport::progress(TransportSink& sink) {
  sink_ = &sink;
  auto result = Progress::idle;
  for (int i = 0; i < kProgressCalls && ucp_worker_progress(setup_.worker.get()) != 0; ++i) result = Progress::busy;
  for (auto* const request : std::exchange(requests_, {})) accept(request);
  move_closing();
  if (!reports_.empty()) result = Progress::busy;
  dispatch(sink);
  sink_ = nullptr;
  return result;
}

void UcxTransport::dispatch(TransportSink& sink) {
  for (auto& report : std::exchange(reports_, {})) {
    switch (report.kind) {
      case Kind::message:
        sink.on_message(report.connection, report.text);
        break;
      case Kind::sent:
        sink.on_sent(report.connection, report.tag, report.outcome);
        break;
      case Kind::flushed:
        sink.on_flushed(report.connection, report.tag, report.outcome);
        break;
      case Kind::placed:
        sink.on_placed(report.connection, report.text, report.length, report.outcome);
        break;
      case Kind::closed:
        sink.on_closed(report.connection, report.error);
        break;
    }
  }
}

void UcxTransport::wait(std::chrono::milliseconds at_most) {
  const bool closing = std::ranges::any_of(connections_, [](const auto& e) { return e.second->phase != Phase::open; });
  if (!reports_.empty() || !requests_.empty()) return;
  if (ucp_worker_arm(setup_.worker.get()) != UCS_OK) return;
  std::array<pollfd, 2> descriptors{pollfd{worker_fd_, POLLIN, 0}, pollfd{wake_fd_, POLLIN, 0}};
  poll(descriptors.data(), descriptors.size(), closing ? 1 : static_cast<int>(at_most.count()));
  std::uint64_t count = 0;
  if (descriptors[1].revents != 0 && read(wake_fd_, &count, sizeof count) < 0) {
    log_debug("transfer", "eventfd was empty", {});
  }
}

void UcxTransport::wake() {
  const std::uint64_t one = 1;
  BATON_CHECK(write(wake_fd_, &one, sizeof one) == sizeof one);
}

Result<std::unique_ptr<Transport>> make_ucx_transport(const UcxOptions& options) {
  if (auto known = check_devices(options.devices); !known) return std::unexpected(known.error());
  const auto local = resolve_local(options.listen_host);
  if (!local) return std::unexpected(local.error());
  auto setup = open_ucx(options, local->device);
  if (!setup) return std::unexpected(setup.error());
  auto transport = std::make_unique<UcxTransport>(std::move(*setup), options.memory_bytes);
  if (auto listening = transport->listen(local->bind, local->advertise); !listening) {
    return std::unexpected(listening.error());
  }
  return transport;
}

}  // namespace baton::transfer
