#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "baton/transport.h"
#include "transfer/ucx_context.h"

namespace baton::transfer {

/// Transport over one ucp_worker. UCX calls back from inside ucp_worker_progress(), where its API must not be entered
/// again; so callbacks only record reports, and progress() hands them to the sink afterwards. The one exception is
/// on_data(), because UCX wants the target of arriving data at once.
class UcxTransport final : public Transport {
 public:
  explicit UcxTransport(UcxSetup setup, std::size_t memory_bytes);
  ~UcxTransport() override;
  UcxTransport(const UcxTransport&) = delete;
  UcxTransport& operator=(const UcxTransport&) = delete;

  /// Registers handlers and opens the listener on a free port. Once, before anything else.
  Result<void> listen(const std::string& bind_host, const std::string& advertised_host);

  std::string address() const override { return address_; }
  RemoteMemory memory() const override;
  ConnectionId connect(std::string_view address) override;
  void close(ConnectionId which) override;
  DataPath attach(ConnectionId to, const RemoteMemory& memory) override;
  void send(ConnectionId to, std::string message) override;
  void send_data(ConnectionId to, DataMessage message) override;
  void put(ConnectionId to, std::uint64_t tag, std::span<const std::byte> from, std::uint64_t offset) override;
  void flush(ConnectionId to, std::uint64_t tag) override;
  Progress progress(TransportSink& sink) override;
  void wait(std::chrono::milliseconds at_most) override;
  void wake() override;

 private:
  enum class Phase : std::uint8_t { open, broken, closing };
  struct Connection {
    UcxTransport* self = nullptr;
    ConnectionId id;
    ucp_ep_h endpoint = nullptr;
    Phase phase = Phase::open;
    Error why;
    std::uint32_t outstanding = 0;  ///< requests UCX still holds
    void* close_request = nullptr;
    int quiet_rounds = 0;  ///< progress calls since the close was complete
    std::string attached_key;
    UcxRkey rkey;
    DataPath path = DataPath::message;
    std::byte* mapped = nullptr;
    std::uint64_t remote_address = 0;
    std::uint64_t remote_length = 0;
  };
  enum class Kind : std::uint8_t { message, sent, flushed, placed, closed };
  struct Report {
    Kind kind = Kind::message;
    ConnectionId connection;
    std::uint64_t tag = 0;
    std::string text = {};  ///< message, or data header
    std::size_t length = 0;
    TransportSink::Outcome outcome = TransportSink::Outcome::ok;
    Error error = {};
  };
  /// A request UCX works on, with everything it must find in place until it is done.
  struct Operation {
    Connection* connection = nullptr;
    std::optional<Report> report;  ///< to file at the end; none for small messages
    std::string bytes;             ///< header or message
    std::vector<ucp_dt_iov_t> pieces;
  };

  static void on_connection_request(ucp_conn_request_h request, void* self);
  static void on_endpoint_error(void* connection, ucp_ep_h endpoint, ucs_status_t status);
  static void on_send_done(void* request, ucs_status_t status, void* operation);
  static void on_receive_done(void* request, ucs_status_t status, std::size_t length, void* operation);
  static ucs_status_t on_control(void* self, const void* header, std::size_t header_length, void* data,
                                 std::size_t length, const ucp_am_recv_param_t* param);
  static ucs_status_t on_bulk(void* self, const void* header, std::size_t header_length, void* data, std::size_t length,
                              const ucp_am_recv_param_t* param);

  Connection* find(ConnectionId id);
  Connection* find(const ucp_am_recv_param_t* param);
  Connection& add_connection();
  void accept(ucp_conn_request_h request);
  Result<void> set_handler(unsigned id, ucp_am_recv_callback_t callback);
  ucs_status_t receive(Connection& connection, std::string header, void* descriptor, std::size_t length,
                       const std::vector<std::span<std::byte>>& places);
  void start(std::unique_ptr<Operation> operation, ucs_status_ptr_t request);
  void finish(std::unique_ptr<Operation> operation, ucs_status_t status);
  void file(Report report) { reports_.push_back(std::move(report)); }
  void begin_close(Connection& connection);
  void move_closing();
  void settle();
  void dispatch(TransportSink& sink);
  bool has_network_put(ucp_ep_h endpoint) const;

  UcxSetup setup_;
  UcxListener listener_;
  std::size_t memory_bytes_;
  std::string address_;
  int worker_fd_ = -1;
  int wake_fd_ = -1;
  bool settling_ = false;  ///< no new connections: the transport is about to end
  TransportSink* sink_ = nullptr;  ///< during progress()
  std::uint64_t next_connection_ = 1;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::unordered_map<ucp_ep_h, Connection*> by_endpoint_;
  std::vector<ucp_conn_request_h> requests_;
  std::deque<Report> reports_;
};

}  // namespace baton::transfer
